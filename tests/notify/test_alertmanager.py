import time
from datetime import datetime

import pytest

from alertmanager_process import AlertmanagerProcess, required_alertmanager
from doubles.http_double import Reply
from doubles.receiver_double import ReceiverDouble
from notify.conftest import notification, resolved
from socketscope.notify.alertmanager import Alertmanager, AlertmanagerOptions

pytestmark = pytest.mark.anyio


def sender(*urls, **options):
    return Alertmanager("am", AlertmanagerOptions(urls=list(urls), timeout=5, **options))


def of(process, fingerprint):
    return [alert for alert in process.alerts() if alert["labels"].get("fp") == fingerprint]


def told(fingerprint, make=notification, **changed):
    """A notification that only its test finds again in the Alertmanager that all share."""
    labels = {"http.route": "/ws/{room}", "fp": fingerprint}
    return make(labels=labels, started_at=time.time() - 60, at=time.time(), **changed)


async def test_an_alert_stands_in_the_real_alertmanager_until_it_is_resolved(alertmanager):
    notifier = sender(alertmanager.url, labels={"team": "chat"})
    assert (await notifier.send(told("until"))).delivered
    [alert] = of(alertmanager, "until")
    assert alert["labels"] == {
        "alertname": "HighErrorRatio",
        "severity": "critical",
        "http_route": "/ws/{room}",
        "fp": "until",
        "team": "chat",
    }
    assert alert["annotations"]["summary"] == "12 % of the messages failed"
    assert alert["annotations"]["current_Connections"] == "512"
    assert alert["generatorURL"] == notification().link
    assert datetime.fromisoformat(alert["endsAt"]).timestamp() > time.time() + 3600
    assert (await notifier.send(told("until", resolved, resolved_at=time.time()))).delivered
    assert of(alertmanager, "until") == []


async def test_what_is_sent_again_stays_one_alert(alertmanager):
    notifier = sender(alertmanager.url)
    for number in range(3):
        assert (await notifier.send(told("again", key=str(number)))).delivered
    assert len(of(alertmanager, "again")) == 1


async def test_hostile_labels_are_taken(alertmanager):
    labels = {"fp": "hostile", "a.b": "1", "a_b": "2", "9": "x", "": "y", "ünï": "\ud800<", "empty": ""}
    alert = notification(labels=labels, link="javascript:x", started_at=time.time(), summary="a\x00b\ud800")
    receipt = await sender(alertmanager.url).send(alert)
    assert receipt.delivered, receipt
    [taken] = of(alertmanager, "hostile")
    assert taken["labels"].items() >= {"a_b": "1", "a_b_": "2", "_9": "x"}.items()


async def test_all_replicas_are_told(alertmanager, tmp_path):
    with AlertmanagerProcess(required_alertmanager(), tmp_path) as second:
        assert (await sender(alertmanager.url, second.url).send(told("all"))).delivered
        assert len(of(alertmanager, "all")) == len(of(second, "all")) == 1


async def test_one_replica_that_takes_it_is_enough_and_the_others_are_named(alertmanager):
    with ReceiverDouble(Reply("", 503)) as down:
        receipt = await sender(down.url, alertmanager.url).send(told("one"))
    assert receipt.delivered
    assert down.url in receipt.detail
    assert len(of(alertmanager, "one")) == 1


async def test_what_no_replica_takes_is_tried_again_if_any_may_take_it_later():
    with ReceiverDouble(Reply("", 503, {"Retry-After": "9"})) as down, ReceiverDouble(Reply("no", 400)) as wrong:
        receipt = await sender(down.url, wrong.url).send(notification())
        assert (receipt.delivered, receipt.again, receipt.retry_after) == (False, True, 9.0)
        receipt = await sender(wrong.url).send(notification())
        assert (receipt.delivered, receipt.again) == (False, False)


async def test_the_real_alertmanager_s_refusal_is_for_good(alertmanager):
    receipt = await sender(f"{alertmanager.url}/elsewhere").send(notification())
    assert (receipt.delivered, receipt.again) == (False, False)


async def test_a_test_ends_by_itself(alertmanager):
    assert (await sender(alertmanager.url).send(told("test", status="test"))).delivered
    [alert] = of(alertmanager, "test")
    assert datetime.fromisoformat(alert["endsAt"]).timestamp() < time.time() + 61

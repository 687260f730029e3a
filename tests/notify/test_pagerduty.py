import pytest

from doubles.http_double import Reply
from doubles.pagerduty_double import PagerDutyDouble
from notify.conftest import notification, resolved
from socketscope.notify.pagerduty import PagerDuty, PagerDutyOptions

pytestmark = pytest.mark.anyio


@pytest.fixture
def pagerduty():
    with PagerDutyDouble() as double:
        yield double


def sender(double, **options):
    given = {"routing_key": double.routing_key, "url": f"{double.url}/v2/enqueue", "timeout": 5, **options}
    return PagerDuty("pager", PagerDutyOptions(**given))


async def test_an_alert_is_one_incident_from_trigger_to_resolve(pagerduty):
    notifier = sender(pagerduty)
    first = await notifier.send(notification())
    assert first.thread == notification().fingerprint
    assert pagerduty.incidents == {notification().fingerprint: "triggered"}
    assert (await notifier.send(notification(key="2"), thread=first.thread)).delivered
    # Whoever has lost the thread finds the incident all the same.
    assert (await notifier.send(resolved())).delivered
    assert pagerduty.incidents == {notification().fingerprint: "resolved"}


async def test_the_incident_has_severity_runbook_link_and_the_current_metrics(pagerduty):
    assert (await sender(pagerduty).send(notification(severity="warning"))).delivered
    [event] = pagerduty.events
    assert event["payload"]["severity"] == "warning"
    assert event["payload"]["summary"] == "HighErrorRatio: 12 % of the messages failed"
    assert event["payload"]["custom_details"]["metrics"]["Connections"] == "512"
    assert {link["text"] for link in event["links"]} == {"Runbook", "Details"}
    assert event["client_url"] == notification().link


async def test_a_test_leaves_no_incident_behind(pagerduty):
    assert (await sender(pagerduty).send(notification(status="test", fingerprint="t"))).delivered
    assert pagerduty.incidents == {"t": "resolved"}


async def test_a_wrong_key_is_for_somebody_to_mend(pagerduty):
    receipt = await sender(pagerduty, routing_key="f" * 32).send(notification())
    assert (receipt.delivered, receipt.again) == (False, False)
    assert "Invalid routing key" in receipt.detail


async def test_too_many_events_wait():
    with PagerDutyDouble(Reply("", 429, {"Retry-After": "60"})) as double:
        receipt = await sender(double).send(notification())
    assert (receipt.again, receipt.retry_after) == (True, 60.0)


async def test_what_is_too_long_or_no_link_is_made_to_fit(pagerduty):
    told = notification(summary="x" * 5000, fingerprint="f" * 300, runbook="docs/runbooks/x.md", link="javascript:x")
    assert (await sender(pagerduty).send(told)).delivered
    assert pagerduty.events[0]["links"] == []

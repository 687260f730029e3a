import pytest

from doubles.http_double import Reply
from doubles.slack_double import SlackDouble
from notify.conftest import notification, resolved
from socketscope.notify.slack import Slack, SlackOptions

pytestmark = pytest.mark.anyio


@pytest.fixture
def slack():
    with SlackDouble() as double:
        yield double


def sender(double, **options):
    given = {"token": double.token, "channel": "#alerts", "url": f"{double.url}/api", "timeout": 5, **options}
    return Slack("chat", SlackOptions(**given))


async def test_an_alert_is_one_thread_whose_first_message_is_changed_at_recovery(slack):
    notifier = sender(slack)
    first = await notifier.send(notification())
    repeated = await notifier.send(notification(key="2"), thread=first.thread)
    end = await notifier.send(resolved(), thread=first.thread)
    assert [receipt.delivered for receipt in (first, repeated, end)] == [True, True, True]
    assert {first.thread, repeated.thread, end.thread} == {"C0ALERTS:1700000000.000000"}
    root, *replies = slack.messages.values()
    assert "thread_ts" not in root
    assert [reply["thread_ts"] for reply in replies] == ["1700000000.000000"] * 2
    assert root["text"].startswith("[RESOLVED]")
    assert root["attachments"][0]["color"] != replies[0]["attachments"][0]["color"]
    # Nothing in it becomes a mention or a link by itself, neither when it is posted nor when it is changed.
    assert {(message["parse"], message["link_names"]) for message in (root, *replies)} == {("none", False)}


async def test_what_is_sent_twice_has_the_same_key(slack):
    for _ in range(2):
        assert (await sender(slack).send(notification())).delivered
    keys = [message["metadata"]["event_payload"]["key"] for message in slack.messages.values()]
    assert keys == [notification().key] * 2


async def test_a_thread_that_was_deleted_begins_anew(slack):
    receipt = await sender(slack).send(notification(), thread="C0ALERTS:1.0")
    assert receipt.delivered
    assert receipt.thread == "C0ALERTS:1700000000.000000"


async def test_a_recovery_whose_first_message_can_not_be_changed_is_told_nevertheless(slack):
    notifier = sender(slack)
    first = await notifier.send(notification())
    slack.errors["chat.update"] = "edit_window_closed"
    receipt = await notifier.send(resolved(), thread=first.thread)
    assert receipt.delivered
    assert "edit_window_closed" in receipt.detail
    assert len(slack.messages) == 2


async def test_a_recovery_that_has_to_be_repeated_repeats_no_reply(slack):
    notifier = sender(slack)
    first = await notifier.send(notification())
    slack.errors["chat.update"] = "internal_error"
    assert (await notifier.send(resolved(), thread=first.thread)).again
    assert len(slack.messages) == 1
    slack.errors.clear()
    assert (await notifier.send(resolved(), thread=first.thread)).delivered
    assert len(slack.messages) == 2


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"token": "xoxb-wrong"}, "invalid_auth"),
        ({"channel": "#nowhere"}, "channel_not_found"),
        ({"url": "/elsewhere"}, "unknown_method"),
    ],
)
async def test_what_somebody_has_to_mend_is_not_tried_again(slack, options, error):
    if "url" in options:
        options = {"url": slack.url + options["url"]}
    receipt = await sender(slack, **options).send(notification())
    assert (receipt.delivered, receipt.again) == (False, False)
    assert error in receipt.detail


async def test_too_many_requests_wait_as_long_as_slack_says():
    with SlackDouble(Reply({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "17"})) as double:
        receipt = await sender(double).send(notification())
    assert (receipt.delivered, receipt.again, receipt.retry_after) == (False, True, 17.0)


async def test_marks_and_mentions_in_labels_do_nothing(slack):
    hostile = "<!channel> <https://evil.example|click> & *x*"
    told = notification(summary=hostile, labels={"room": hostile}, metrics={hostile: 1}, runbook=f"https://{hostile}")
    assert (await sender(slack).send(told)).delivered
    sent = slack.asked[0].body.decode()
    assert "<!channel" not in sent
    assert "<https://evil" not in sent
    assert "&lt;!channel&gt;" in sent


async def test_a_message_is_never_longer_than_slack_takes(slack):
    long = {f"label{n}": "<" * 1000 for n in range(30)}
    many = dict.fromkeys(long, 1.0)
    assert (await sender(slack).send(notification(labels=long, metrics=many, summary="<" * 5000))).delivered

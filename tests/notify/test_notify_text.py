import pytest

from notify.conftest import AT, notification, resolved
from socketscope.notify.text import clean, duration, number, plain, subject
from socketscope.notify.text_html import html

WHOLE = """\
HighErrorRatio: 12 % of the messages failed

Status: firing
Severity: critical
Value: 0.12 (threshold 0.1)
Since: 2026-09-21 14:11:20 UTC
family: errors
http.route: /ws/{room}

Current metrics:
- Connections: 512
- CPU: 81.2 %
- Memory: not available
- Errors: 1,234
- Uptime: 1 d 2 h

Runbook: https://runbooks.example/high-error-ratio
Details: https://console.example/alerts/0123456789abcdef
"""


def test_the_message_has_the_alert_the_current_metrics_the_runbook_and_a_link():
    assert plain(notification()) == WHOLE


def test_a_recovery_says_when_and_after_how_long():
    text = plain(resolved())
    assert "Resolved: 2026-09-21 14:13:20 UTC" in text
    assert "Lasted: 2 min 0 s" in text


def test_what_is_not_known_is_left_out():
    text = plain(notification(value=None, metrics={}, runbook="", link="", summary="", labels={}))
    assert text == ("HighErrorRatio\n\nStatus: firing\nSeverity: critical\nSince: 2026-09-21 14:11:20 UTC\n")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (notification(), "[CRITICAL] HighErrorRatio: 12 % of the messages failed"),
        (notification(severity="warning", summary=""), "[WARNING] HighErrorRatio"),
        (resolved(), "[RESOLVED] HighErrorRatio: 12 % of the messages failed"),
        (notification(status="test", severity="info", rule="Test", summary="hello"), "[TEST] Test: hello"),
    ],
)
def test_the_subject_begins_with_what_has_happened(told, expected):
    assert subject(told) == expected


def test_metrics_that_have_no_name_of_their_own_are_shown_as_they_are_called():
    text = plain(notification(metrics={"z": 1.5, "errors": 2.0, "a": None}))
    assert "- Errors: 2\n- a: not available\n- z: 1.5\n" in text


@pytest.mark.parametrize("bad", ["a\nb", "a\r\nb", "a\u2028b", "a\x00b", "a\u202eb", "a \t b", "a\ud800b"])
def test_what_comes_from_strangers_stays_in_one_line(bad):
    assert clean(bad) == "a b"


def test_what_comes_from_strangers_has_an_end():
    assert len(clean("x" * 10_000)) == 300
    assert len(subject(notification(summary="x" * 10_000))) == 200


def test_html_is_escaped_and_only_addresses_of_the_web_are_links():
    page = html(notification(labels={'"><img src=x>': "<b>&"}, runbook="docs/x.md", link='https://x/"onclick="y'))
    assert "&quot;&gt;&lt;img src=x&gt;" in page
    assert "&lt;b&gt;&amp;" in page
    assert "<a " not in page
    assert 'href="https://runbooks.example/high-error-ratio"' in html(notification())


def test_braces_in_what_is_told_are_no_template():
    assert "{subject} {0} {}" in html(notification(summary="{subject} {0} {}"))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.6, "1 min 0 s"), (3600, "1 h 0 min"), (93_784, "1 d 2 h"), (-5, "0 s")]
)
def test_a_length_of_time_is_told_in_its_two_largest_units(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.1234567, "0.1235"), (1234567, "1,234,567"), (999.5, "999.5"), (float("inf"), "inf")]
)
def test_a_number_is_told_as_people_write_it(value, text):
    assert number(value) == text


def test_times_are_told_in_utc():
    assert AT == 1_790_000_000.0
    assert "2026-09-21 14:11:20 UTC" in html(notification())

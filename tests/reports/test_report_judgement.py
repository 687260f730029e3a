"""What is said of a period's answers: what stands out, what went wrong, and what is not available."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reports.samples import MONDAY, metrics, of_all, period_of, summary, unknown
from socketscope.backends.exports import ExportGap, Exports, InstanceExports
from socketscope.reports import lists
from socketscope.reports.answers import Answers, Counts, Details
from socketscope.reports.figures import judge
from socketscope.reports.highlights import find_highlights
from socketscope.reports.issues import Links, find_issues
from socketscope.reports.load import unknown_loads
from socketscope.reports.model import Compared, Comparison
from socketscope.reports.summary import summarize

PERIOD = period_of()
HOURS = [(PERIOD.since + 3600 * hour, PERIOD.since + 3600 * (hour + 1)) for hour in range(24)]
NOTHING = [None] * 24
DAY = 24 * 60
"""Exports of a day, one a minute."""


def instance(*, missing=0):
    gaps = [ExportGap(PERIOD.since + 60, PERIOD.since + 60 * (missing + 2), missing)] if missing else []
    return InstanceExports(
        id="a",
        service="chat",
        started_at=PERIOD.since - 60,
        began=PERIOD.since,
        last=PERIOD.until,
        goes_on=True,
        interval=60,
        open_at_last=0,
        seen=DAY - missing,
        missing=missing,
        gaps=gaps,
    )


def answers(*instances, known_since=None, **more):
    exports = Exports(instances, known_since) if instances else None
    return Answers(period=PERIOD, until=PERIOD.until, exports=exports, ledger=None, reported=True, **more)


def details(**more):
    lines = dict.fromkeys(("accepted", "refused", "errors", "received", "closed", "lost"), NOTHING)
    return Details(hours=HOURS, **{**lines, **more})


def compared(*weeks, before=None):
    """A comparison with the day before and the same weekdays, each by its summary."""
    return Comparison(
        day_before=Compared(period=period_of(MONDAY - timedelta(days=1)), summary=before or unknown()),
        same_weekday=[
            Compared(period=period_of(MONDAY - timedelta(weeks=week)), summary=one)
            for week, one in enumerate(weeks, start=1)
        ],
    )


def highlights(of, comparison):
    found = find_highlights(
        answers(), of, comparison, whole=True, fleet=None, hours=None, routes=(), alerts=None, slow=1.0
    )
    return {one.kind: one for one in found}


def peak(number, **more):
    return summary(peak_connections=metrics(number, "gauge_peak", certainty="estimate", **more))


def test_a_peak_is_compared_with_the_greatest_of_the_other_days():
    found = highlights(peak(600), compared(peak(100), peak(900), before=peak(300)))["peak"]
    assert (found.value, found.reference) == (600, 900)


def test_a_peak_is_not_compared_where_one_of_the_other_days_may_have_had_a_greater_one():
    blind = summary(peak_connections=metrics(100, "gauge_peak", certainty="of_seen"))
    assert highlights(peak(600), compared(peak(100), blind))["peak"].reference is None


def test_weeks_of_which_nothing_is_known_are_left_out_of_what_is_compared():
    found = highlights(summary(), compared(summary(0.5), unknown(), summary(1.5)))["connections"]
    assert (found.reference, found.against) == (18_432, "same_weekday")
    assert found.change == 0


def test_where_no_week_is_known_whole_it_is_the_day_before_that_counts():
    blind = of_all(lambda figure: replace(figure, certainty="at_least"))
    found = highlights(summary(), compared(blind, before=summary(0.5)))["connections"]
    assert (found.reference, found.against, found.change) == (9_216, "day_before", 1)


def test_a_day_that_misses_something_is_compared_with_nothing():
    blind = of_all(lambda figure: replace(figure, certainty="at_least"))
    assert highlights(blind, compared(summary()))["connections"].change is None


def issues_of(given, of):
    return find_issues(
        given,
        of,
        judge(given),
        fleet=None,
        high_load=(),
        routes=(),
        alerts=(),
        slow=1.0,
        links=Links(console="https://console.example/"),
    )


@pytest.mark.parametrize(
    ("given", "certainty"),
    [
        (answers(instance()), "exact"),
        (answers(instance(missing=7)), "at_least"),
        (answers(instance(), known_since=PERIOD.since + 60), "at_least"),
        (answers(), "unchecked"),
    ],
)
def test_what_an_issue_counts_is_as_certain_as_the_exports_are_whole(given, certainty):
    errors = [None, 5, 7, None, *[0] * 20]
    received = [100] * 24
    [issue] = issues_of(given, details(errors=errors, received=received))
    assert (issue.kind, issue.value, issue.certainty) == ("errors", 12, certainty)
    assert (issue.since, issue.until) == (HOURS[1][0], HOURS[2][1]), "hours that adjoin are one issue"
    assert (issue.severity, issue.share) == ("warning", 0.06)
    assert issue.link == "https://console.example/"


def test_a_few_lost_links_of_a_quiet_hour_are_no_issue():
    assert issues_of(answers(instance()), details(lost=[9, *[0] * 23], closed=[9, *[0] * 23])) == []
    [issue] = issues_of(answers(instance()), details(lost=[10, *[0] * 23], closed=[30, *[0] * 23]))
    assert (issue.kind, issue.severity) == ("lost_links", "critical")


def test_durations_and_routes_without_a_histogram_are_not_available():
    given = answers(instance(), counts=Counts(messages={"receive": 9}, closed={("1000", "client", ""): 4}))
    trust = judge(given)
    assert summarize(given, trust).median_connection_duration.reason == "no_histogram"
    assert lists.slowest_routes(given, details(), trust, top=10).reason == "no_histogram"


def test_where_nothing_happened_there_is_no_duration_and_no_route():
    given = answers(instance())
    trust = judge(given)
    assert summarize(given, trust).median_connection_duration.reason == "nothing_closed"
    assert lists.slowest_routes(given, details(), trust, top=10).value == []


def test_a_load_of_which_there_is_no_point_is_unknown():
    moments = [PERIOD.since + 300, PERIOD.since + 600]
    quiet = [(moment, 0.0) for moment in moments]
    of = details(connections=quiet, message_rate=[(moment, None) for moment in moments])
    assert unknown_loads(of) == ["messages", "cpu"]


def test_a_gauge_that_nobody_sent_is_not_0():
    found = summarize(answers(), judge(answers()))
    assert [found.peak_connections.reason, found.open_connections.reason] == ["no_data", "no_data"]


def test_where_all_instances_are_gone_nothing_is_open():
    found = summarize(answers(instance()), judge(answers(instance())))
    assert (found.open_connections.value, found.open_connections.certainty) == (0, "exact")

"""What stands out in a period, as codes and numbers in the order in which they are worth a sentence. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Literal

from socketscope.reports.answers import Answers
from socketscope.reports.figures import events_are_missing
from socketscope.reports.issues import most_frequent
from socketscope.reports.model import (
    Alert,
    Comparison,
    Figure,
    Fleet,
    Highlight,
    HighlightKind,
    Hour,
    Route,
    Summary,
    change,
    mean,
)

Against = Literal["day_before", "same_weekday"]

ERRORS_WORTH_A_WORD: Final = 0.001
"""Share of messages received."""
LOST_WORTH_A_WORD: Final = 0.05
"""Share of connections that ended."""
_ALWAYS: Final[frozenset[HighlightKind]] = frozenset({"connections", "busiest_hour", "peak"})
"""Said of every day; where there is nothing else, all is well."""


def find_highlights(
    answers: Answers,
    summary: Summary,
    comparison: Comparison,
    *,
    whole: bool | None,
    fleet: Fleet | None,
    hours: Sequence[Hour] | None,
    routes: Sequence[Route],
    alerts: Sequence[Alert] | None,
    slow: float,
) -> list[Highlight]:
    """Say what stands out; the first of it matters most."""
    total = summary.total_connections.value
    if total is None:
        return [Highlight(kind="no_data")]
    found = [
        *_missing(answers, fleet, whole),
        *_connections(summary, comparison, hours or ()),
        *_errors(answers, summary, comparison),
        *_lost(summary, comparison),
        *_slow(routes, slow),
        *_vanished(summary, fleet),
        *_alerts(alerts or ()),
    ]
    if all(one.kind in _ALWAYS for one in found):
        found.append(Highlight(kind="all_well"))
    return found


def _missing(answers: Answers, fleet: Fleet | None, whole: bool | None) -> Iterator[Highlight]:
    if fleet and fleet.known_since is not None:
        yield Highlight(kind="known_since", since=fleet.known_since)
    if fleet and fleet.coverage and not fleet.coverage.whole:
        coverage = fleet.coverage
        yield Highlight(kind="incomplete", share=coverage.share, value=coverage.expected - coverage.seen)
    if events_are_missing(answers, whole=whole) and answers.ledger:
        yield Highlight(kind="events_missing", value=answers.ledger.opened, reference=answers.counts.accepted_surely)


def _connections(summary: Summary, comparison: Comparison, hours: Sequence[Hour]) -> Iterator[Highlight]:
    total = summary.total_connections
    if not total.value:
        yield Highlight(kind="no_connections")
        return
    reference, against = _reference(comparison, lambda other: other.total_connections)
    yield Highlight(
        kind="connections",
        value=total.value,
        reference=reference.value if reference else None,
        change=change(total, reference) if reference else None,
        against=against,
    )
    busiest = max(hours, key=lambda hour: hour.connections or 0, default=None)
    if busiest and busiest.connections:
        yield Highlight(kind="busiest_hour", value=busiest.connections, since=busiest.since, until=busiest.until)
    if summary.peak_connections.value:
        others = (comparison.day_before, *comparison.same_weekday)
        greatest = _greatest(other.summary.peak_connections for other in others)
        yield Highlight(kind="peak", value=summary.peak_connections.value, reference=greatest)


def _errors(answers: Answers, summary: Summary, comparison: Comparison) -> Iterator[Highlight]:
    errors, ratio = summary.errors.value, summary.error_ratio
    if errors and (ratio.value is None or ratio.value >= ERRORS_WORTH_A_WORD):
        reference, against = _reference(comparison, lambda other: other.error_ratio)
        yield Highlight(
            kind="errors",
            value=errors,
            share=ratio.value,
            change=change(ratio, reference) if reference else None,
            against=against,
            name=most_frequent(answers.counts.errors),
        )


def _lost(summary: Summary, comparison: Comparison) -> Iterator[Highlight]:
    share = _lost_share(summary)
    if share.value is not None and share.value >= LOST_WORTH_A_WORD:
        reference, against = _reference(comparison, _lost_share)
        yield Highlight(
            kind="lost_links",
            value=summary.lost_connections.value,
            share=share.value,
            change=change(share, reference) if reference else None,
            against=against,
        )


def _lost_share(summary: Summary) -> Figure[float]:
    lost, closed = summary.lost_connections, summary.closed_connections
    share = lost.value / closed.value if lost.value is not None and closed.value else None
    return Figure(value=share, source=closed.source, method=closed.method, certainty=closed.certainty)


def _slow(routes: Sequence[Route], slow: float) -> Iterator[Highlight]:
    for route in routes[:1]:
        if route.p95 >= slow:
            yield Highlight(kind="slow_route", name=route.route, value=route.p95)


def _vanished(summary: Summary, fleet: Fleet | None) -> Iterator[Highlight]:
    if fleet and fleet.vanished:
        yield Highlight(kind="vanished", value=fleet.vanished, reference=summary.vanished_connections.value)


def _alerts(alerts: Sequence[Alert]) -> Iterator[Highlight]:
    if alerts:
        gravest = min(alerts, key=lambda alert: ("critical", "warning", "info").index(alert.severity))
        yield Highlight(
            kind="alerts",
            value=len(alerts),
            reference=sum(alert.ended_at is None for alert in alerts),
            name=gravest.rule,
        )


def _reference(
    comparison: Comparison, choose: Callable[[Summary], Figure[int] | Figure[float]]
) -> tuple[Figure[float] | None, Against | None]:
    """Choose what to compare with: the mean of the same weekdays that are known whole, else the day before."""
    if found := mean(choose(week.summary) for week in comparison.same_weekday):
        return found[0], "same_weekday"
    if found := mean([choose(comparison.day_before.summary)]):
        return found[0], "day_before"
    return None, None


def _greatest(figures: Iterable[Figure[int]]) -> int | None:
    """Give the greatest of the figures; None where one of them could be greater, or there is none."""
    known = [figure for figure in figures if figure.available]
    if not all(figure.comparable for figure in known):
        return None
    return max((figure.value for figure in known if figure.value is not None), default=None)

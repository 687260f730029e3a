"""What went wrong: when, how bad, and where to look. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from socketscope.reports.answers import Answers, Details
from socketscope.reports.figures import Trust
from socketscope.reports.model import MOST_GAPS, Alert, Certainty, Fleet, HighLoad, Issue, IssueKind, Route
from socketscope.rules.model import Severity

# Shares are those of the rules that we ship (`rules/pack`), and a warning where it is less.
ERRORS: Final = (0.01, 0.10)
"""Of messages received: a warning, critical; fewer errors are told as well."""
LOST: Final = (0.10, 0.25)
"""Of connections that ended."""
REFUSED: Final = (0.10, 0.50)
"""Of handshakes."""
LEAST: Final = 10
"""Lost connections, or refused handshakes, of which an hour must have so many: small numbers make wild shares."""


@dataclass(frozen=True, slots=True)
class Links:
    """Where there is more to see: `console` is its address, `trace` makes that of a trace; None where there is none."""

    console: str | None = None
    trace: Callable[[str], str | None] = lambda _: None

    def of(self, trace_id: str | None) -> str | None:
        """Link to the trace, else to the console."""
        return (self.trace(trace_id) if trace_id else None) or self.console


@dataclass(frozen=True, slots=True)
class _Hour:
    """Of an hour: how often it happened, out of how many, and a trace of it."""

    since: float
    until: float
    count: float
    of: float
    trace_id: str | None = None


def find_issues(
    answers: Answers,
    details: Details,
    trust: Trust,
    *,
    fleet: Fleet | None,
    high_load: Sequence[HighLoad],
    routes: Sequence[Route],
    alerts: Sequence[Alert],
    slow: float,
    links: Links,
) -> list[Issue]:
    """List all issues by time, of one kind the gravest `MOST_GAPS`."""
    whole = answers.period.since, answers.until
    estimate = trust.certainty("estimate")
    found = [
        *_worst(_high_loads(high_load, estimate)),
        *_worst(_errors(answers, details, trust)),
        *_worst(_lost(details, trust)),
        *_worst(_refused(details, trust)),
        *_worst(
            Issue(kind="slow_route", severity="warning", since=whole[0], until=whole[1], name=one.route, value=one.p95,
                  certainty=estimate, reference=slow)
            for one in routes
            if one.p95 >= slow
        ),
        *_worst(_vanished(answers, trust)),
        *_worst(
            Issue(kind="gap", severity="warning", since=gap.since, until=gap.until, name=gap.instance,
                  value=gap.missing)
            for gap in (fleet.gaps if fleet else ())
        ),
        *_worst(
            Issue(kind="alert", severity=one.severity, since=one.fired_at, until=one.ended_at, name=one.rule,
                  value=one.value)
            for one in alerts
        ),
    ]  # fmt: skip
    return sorted(
        (replace(issue, link=links.of(issue.trace_id)) for issue in found), key=lambda issue: (issue.since, issue.kind)
    )


_GRAVITY: Final[dict[Severity, int]] = {"critical": 0, "warning": 1, "info": 2}


def _worst(issues: Iterable[Issue]) -> list[Issue]:
    return sorted(issues, key=lambda issue: (_GRAVITY[issue.severity], -(issue.value or 0)))[:MOST_GAPS]


def _high_loads(loads: Sequence[HighLoad], certainty: Certainty) -> Iterator[Issue]:
    for load in loads:
        severity: Severity = "warning" if load.kind == "cpu" or load.peak >= 2 * load.threshold else "info"
        yield Issue(
            kind="high_load",
            severity=severity,
            since=load.since,
            until=load.until,
            name=load.kind,
            value=load.peak,
            certainty=certainty,
            reference=load.threshold,
        )


def _errors(answers: Answers, details: Details, trust: Trust) -> Iterator[Issue]:
    traces = (
        [stretch.failed_trace for stretch in trust.ledger.stretches] if trust.ledger else [None] * len(details.hours)
    )
    hours = _hours(details, details.errors, details.received, traces)
    for run in _runs(hour for hour in hours if hour.count):
        yield _issue("errors", run, ERRORS, trust, name=most_frequent(answers.counts.errors))


def _lost(details: Details, trust: Trust) -> Iterator[Issue]:
    if trust.ledger is not None:
        hours = [_Hour(one.since, one.until, one.lost, one.closed, one.lost_trace) for one in trust.ledger.stretches]
    else:
        hours = _hours(details, details.lost, details.closed, [None] * len(details.hours))
    for run in _runs(hour for hour in hours if hour.count >= max(LEAST, LOST[0] * hour.of)):
        yield _issue("lost_links", run, LOST, trust)


def _refused(details: Details, trust: Trust) -> Iterator[Issue]:
    every = [
        (refused or 0) + (accepted or 0) for refused, accepted in zip(details.refused, details.accepted, strict=True)
    ]
    hours = _hours(details, details.refused, every, [None] * len(details.hours))
    for run in _runs(hour for hour in hours if hour.count >= max(LEAST, REFUSED[0] * hour.of)):
        yield _issue("failed_handshakes", run, REFUSED, trust)


def _vanished(answers: Answers, trust: Trust) -> Iterator[Issue]:
    gone = {one.instance: one for one in trust.ledger.vanished} if trust.ledger else {}
    instances = answers.exports.instances if answers.exports else ()
    for one in instances:
        if one.vanished or one.id in gone:
            count = gone[one.id].connections if one.id in gone else one.open_at_last
            yield Issue(
                kind="vanished_instance",
                severity="warning",
                since=one.last,
                until=None,
                name=one.id,
                value=count,
                certainty=trust.certainty("count"),
            )


def most_frequent(counted: Mapping[str, int]) -> str:
    """Give what was counted most; nothing where nothing was."""
    return max(sorted(counted), key=lambda name: counted[name], default="")


def _hours(
    details: Details, counts: Sequence[float | None], of: Sequence[float | None], traces: Sequence[str | None]
) -> list[_Hour]:
    return [
        _Hour(since, until, count or 0, total or 0, trace)
        for (since, until), count, total, trace in zip(details.hours, counts, of, traces, strict=True)
    ]


def _runs(hours: Iterable[_Hour]) -> Iterator[_Hour]:
    """Join hours that adjoin; the trace is of the worst of them."""
    run: list[_Hour] = []
    for hour in hours:
        if run and run[-1].until != hour.since:
            yield _joined(run)
            run = []
        run.append(hour)
    if run:
        yield _joined(run)


def _joined(run: Sequence[_Hour]) -> _Hour:
    traced = max(run, key=lambda hour: (hour.trace_id is not None, hour.count))
    return _Hour(
        run[0].since, run[-1].until, sum(hour.count for hour in run), sum(hour.of for hour in run), traced.trace_id
    )


def _issue(kind: IssueKind, run: _Hour, shares: tuple[float, float], trust: Trust, name: str = "") -> Issue:
    share = run.count / run.of if run.of else None
    severity: Severity = "info"
    if share is None or share >= shares[0]:
        severity = "warning"
    if share is None or share >= shares[1]:
        severity = "critical"
    return Issue(
        kind=kind,
        severity=severity,
        since=run.since,
        until=run.until,
        name=name,
        value=run.count,
        certainty=trust.certainty("count"),
        share=share,
        trace_id=run.trace_id,
    )

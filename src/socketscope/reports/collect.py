"""A period's report: everything asked of a backend, and of the history of alerts, and put together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from socketscope.errors import ConfigurationError
from socketscope.reports import figures, lists
from socketscope.reports.answers import Answers, ask
from socketscope.reports.figures import judge
from socketscope.reports.highlights import find_highlights
from socketscope.reports.issues import Links, find_issues
from socketscope.reports.load import high_load, unknown_loads
from socketscope.reports.model import Alert, Compared, Comparison, Figure, Period, Report
from socketscope.reports.options import ReportOptions
from socketscope.reports.period import compared_with
from socketscope.reports.summary import summarize

if TYPE_CHECKING:
    from socketscope.backends.base import Connections, Metrics
    from socketscope.state.history import History

STEPS: Final = 7
"""Into how many steps making a report is divided: its own period, the five that it is compared with, and the rest."""


async def collect(
    period: Period,
    metrics: Metrics,
    connections: Connections | None = None,
    *,
    backend: str,
    now: float,
    options: ReportOptions,
    history: History | None = None,
    links: Links | None = None,
    kept: Iterable[Compared] = (),
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Report:
    """Make the report of `period`, as far as it is over at `now` (epoch seconds).

    * `connections`: the same backend where it keeps events, else None. `history`: of alerts, where they are kept here.
    * `kept`: figures of earlier periods as they were reported then; they are not asked for again.
    * `progress` is told how many steps of how many are done.

    Raises `BackendError` when the backend can't be asked, `ConfigurationError` for a period that has not begun, and
    `StateError` where the history can't be read.
    """
    connections = connections if connections is not None and connections.capabilities.connections else None

    async def answers_of(other: Period, *, detailed: bool = False) -> Answers:
        return await ask(metrics, connections, other, now=now, top=options.top, detailed=detailed)

    if not period.since < now:
        raise ConfigurationError("since", period.start.isoformat(), "a time that has begun")
    answers = await answers_of(period, detailed=True)
    progress(1, STEPS)
    known = {(one.period.since, one.period.until): one for one in kept}
    before, weeks = compared_with(period)
    compared = []
    for step, other in enumerate((before, *weeks), start=2):
        found = known.get((other.since, other.until))
        if found is None:
            of_other = await answers_of(other)
            found = Compared(period=other, summary=summarize(of_other, judge(of_other)))
        compared.append(found)
        progress(step, STEPS)
    report = _put_together(
        answers,
        Comparison(day_before=compared[0], same_weekday=compared[1:]),
        await _alerts(history, period.since, answers.until),
        options=options,
        links=links or Links(),
        backend=backend,
        now=now,
        notes=metrics.capabilities.notes,
    )
    progress(STEPS, STEPS)
    return report


async def _alerts(history: History | None, since: float, until: float) -> Figure[Sequence[Alert]]:
    if history is None:
        return Figure(value=None, source="alerts", method="alert_history", reason="no_alerting")
    episodes = await asyncio.to_thread(history.during, since, until)
    found = [
        Alert(
            rule=one.rule,
            severity=one.severity,
            labels=one.labels,
            fired_at=one.fired_at,
            value=one.value,
            ended_at=one.ended_at,
            end=one.end,
        )
        for one in episodes
    ]
    return Figure(value=found, source="alerts", method="alert_history")


def _put_together(
    answers: Answers,
    comparison: Comparison,
    alerts: Figure[Sequence[Alert]],
    *,
    options: ReportOptions,
    links: Links,
    backend: str,
    now: float,
    notes: Sequence[str],
) -> Report:
    trust, details = judge(answers), answers.details
    assert details is not None  # noqa: S101 - they were asked for
    summary = summarize(answers, trust)
    fleet = figures.fleet(answers, trust)
    hours = lists.connections_per_hour(answers, details, trust)
    routes = lists.slowest_routes(answers, details, trust, top=options.top)
    loads = high_load(details, trust, options)
    issues = find_issues(
        answers,
        details,
        trust,
        fleet=fleet.value,
        high_load=loads.value or (),
        routes=routes.value or (),
        alerts=alerts.value or (),
        slow=options.slow,
        links=links,
    )
    highlights = find_highlights(
        answers,
        summary,
        comparison,
        whole=trust.whole,
        fleet=fleet.value,
        hours=hours.value,
        routes=routes.value or (),
        alerts=alerts.value,
        slow=options.slow,
    )
    return Report(
        period=answers.period,
        backend=backend,
        generated_at=now,
        finished=now >= answers.period.until,
        fleet=fleet,
        summary=summary,
        comparison=comparison,
        connections_per_hour=hours,
        top_channels=lists.top_channels(details, trust, top=options.top),
        slowest_routes=routes,
        closes=lists.closes(answers, trust),
        handshakes=lists.handshakes(answers, trust),
        high_load=loads,
        alerts=alerts,
        unknown_loads=unknown_loads(details),
        issues_detected=issues,
        highlights=highlights,
        notes=notes,
    )

"""Lays a report out, in one language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version
from typing import Final

from socketscope.reports.form import issues, paragraph, summary
from socketscope.reports.form.charts import Bar, Chart
from socketscope.reports.form.figures import Figures
from socketscope.reports.form.tables import Tables
from socketscope.reports.form.view import Cell, Picture, Table, Tone, View
from socketscope.reports.form.words import Words
from socketscope.reports.model import Certainty, Fleet, Hour, Period, Report, Summary
from socketscope.reports.options import Language

FEWEST: Final = 2
"""Bars below which there is no chart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """What is about a report that is not in it: its language, where it can be read, and whether it comes late.

    `due_at`: when it should have been made, for one that is late; `link`: its address in the console.
    """

    language: Language = "en"
    due_at: float | None = None
    link: str = ""


def compose(report: Report, edition: Edition) -> View:
    """Return the report laid out."""
    words = Words(edition.language, report.period.zone)
    figures = Figures(words)
    _ = words.gettext
    title = words.period(report.period)
    # What is said first takes the first numbers of footnotes.
    cards = summary.cards(report, words, figures)
    pictures = list(_pictures(report, words, figures))
    told = issues.issues(report, words, figures)
    lists = Tables(report, words, figures)
    tables = [summary.comparison(report, words, figures), *lists.all()]
    sentences = paragraph.sentences(report, words, figures)
    return View(
        language=edition.language,
        kicker=_("WebSocket report"),
        title=title,
        subject=_subject(report, words, figures, title, late=edition.due_at is not None),
        badges=list(_badges(report, words, figures, edition)),
        facts=list(_facts(report, words)),
        standing_out=(_("What stands out"), [sentence for sentence in sentences if sentence]),
        cards=cards,
        pictures=pictures,
        issues=told,
        tables=tables,
        hours=lists.hours(),
        made=_made(words, figures),
        notes=report.notes,
        footer=[
            _("Made by socketscope {version}, {moment}.").format(
                version=version("socketscope"), moment=words.moment(report.generated_at)
            )
        ],
        link=(_("In the console"), edition.link) if edition.link else None,
    )


def _subject(report: Report, words: Words, figures: Figures, title: str, *, late: bool) -> str:
    _ = words.gettext
    number = figures.value(report.summary.total_connections, words.number)
    count = report.summary.total_connections.value or 0
    counted = (
        words.ngettext("{number} connection", "{number} connections", count).format(number=number.text)
        if number.available
        else _("no data")
    )
    text = _("WebSockets on {day}: {counted}") if report.period.day else _("WebSockets, {day}: {counted}")
    text = text.format(day=title, counted=counted)
    return _("{subject} (late)").format(subject=text) if late else text


def _badges(report: Report, words: Words, figures: Figures, edition: Edition) -> Iterator[tuple[Tone, str]]:
    _ = words.gettext
    if edition.due_at is not None:
        yield "warning", _("Late: it was due {moment}").format(moment=words.moment(edition.due_at))
    if not report.finished:
        yield "warning", _("Not over: the time that it is about had not passed when it was made")
    fleet = report.fleet.value
    if fleet and fleet.coverage and not fleet.coverage.whole:
        yield "warning", _("Samples are missing: totals may be greater than what was seen")
    if not report.fleet.available:
        yield "critical", _("No data: {reason}").format(reason=figures.reason(report.fleet))


def _facts(report: Report, words: Words) -> Iterator[str]:
    _ = words.gettext
    period = report.period
    if period.day:
        yield f"{words.moment(period.since)} \N{EN DASH} {words.moment(period.until)}"
    if period.day and period.hours != 24:
        hours = words.number(period.hours)
        yield _("{zone}, a day of {hours} hours: clocks were changed").format(zone=period.zone, hours=hours)
    else:
        yield f"{period.zone}, {words.number(period.hours)} h" if period.day else period.zone
    yield _("Backend: {name}").format(name=report.backend)
    fleet = report.fleet.value
    if fleet is None:
        return
    yield words.ngettext("{count} instance", "{count} instances", fleet.instances).format(
        count=words.number(fleet.instances)
    ) + _lives(fleet, words)
    if fleet.coverage is None:
        yield _("Coverage: not available, this backend can't tell whether samples are missing")
    elif not fleet.coverage.expected:
        yield _("Coverage: not available, no sample was expected")
    else:
        yield _("Coverage: {share} ({seen} of {expected} samples)").format(
            share=words.seen(fleet.coverage.share or 0),
            seen=words.number(fleet.coverage.seen),
            expected=words.number(fleet.coverage.expected),
        )


def _lives(fleet: Fleet, words: Words) -> str:
    _ = words.gettext
    said = [
        text.format(count=words.number(count))
        for count, text in (
            (fleet.born, _("{count} began")),
            (fleet.stopped, _("{count} stopped")),
            (fleet.vanished, _("{count} fell silent")),
        )
        if count
    ]
    return f" ({', '.join(said)})" if said else ""


def _pictures(report: Report, words: Words, figures: Figures) -> Iterator[Picture]:
    _ = words.gettext
    hours = report.connections_per_hour
    if hours.value is not None and len(hours.value) >= FEWEST:
        yield Picture(
            key="hours",
            title=_("Connections per hour"),
            alt=_of_hours(hours.value, hours.certainty, words, figures),
            chart=_hours(hours.value, report.period, words),
            mark=figures.mark(hours),
            note=figures.note(hours),
        )
    weeks = _weeks(report, words, figures)
    if sum(bar.value is not None for bar in weeks.bars) >= FEWEST:
        yield Picture(
            key="weeks",
            title=_("Connections, beside the days before"),
            alt="; ".join(f"{bar.label}: {bar.text}" for bar in weeks.bars),
            chart=weeks,
            mark=figures.mark(report.summary.total_connections),
        )


def _hours(hours: Sequence[Hour], period: Period, words: Words) -> Chart:
    most = max((hour.connections or 0 for hour in hours), default=0)
    several_days = period.hours > 25
    bars = []
    for hour in hours:
        local = datetime.fromtimestamp(hour.since, period.start.tzinfo)
        label = words.clock(hour.since) if not several_days else words.short_day(local.date())
        bars.append(
            Bar(
                label=label if not several_days or local.hour == 0 else "",
                value=hour.connections,
                strong=bool(most) and hour.connections == most,
            )
        )
    return Chart(bars=bars)


def _of_hours(hours: Sequence[Hour], certainty: Certainty, words: Words, figures: Figures) -> str:
    """Say in words what the chart of hours shows."""
    _ = words.gettext
    known = [hour for hour in hours if hour.connections is not None]
    if not known:
        return _("Nothing is known of any hour.")
    low, high = (pick(known, key=lambda hour: hour.connections or 0) for pick in (min, max))
    said = _("Between {low} ({at_low}) and {high} ({at_high}) connections began in an hour.").format(
        low=figures.number(low.connections or 0, certainty),
        at_low=words.clock(low.since),
        high=figures.number(high.connections or 0, certainty),
        at_high=words.clock(high.since),
    )
    gone = len(hours) - len(known)
    if not gone:
        return said
    text = words.ngettext("Of {count} hour nothing is known.", "Of {count} hours nothing is known.", gone)
    return f"{said} {text.format(count=words.number(gone))}"


def _weeks(report: Report, words: Words, figures: Figures) -> Chart:
    """Return the total beside those of the same weekdays and of the day before, the oldest first."""
    weeks = sorted(report.comparison.same_weekday, key=lambda one: one.period.since)
    periods = [(one.period, one.summary) for one in (*weeks, report.comparison.day_before)]
    bars = [_week(period, summary, words, figures) for period, summary in [*periods, (report.period, report.summary)]]
    return Chart(bars=[*bars[:-1], replace(bars[-1], strong=True)], named=True)


def _week(period: Period, summary: Summary, words: Words, figures: Figures) -> Bar:
    total = figures.value(summary.total_connections, words.number)
    return Bar(
        label=words.short_day(period.day or period.start.date()),
        value=summary.total_connections.value,
        text=total.short if total.available else words.gettext("n/a"),
    )


def _made(words: Words, figures: Figures) -> Table:
    _ = words.gettext
    return Table(
        key="made",
        title=_("How these figures were made"),
        head=["", _("Read from"), _("Computed")],
        rows=[
            [Cell(text=words.number(mark), mark=mark), Cell(text=source), Cell(text=method)]
            for mark, source, method in figures.made()
        ],
        note=_(
            "The day begins and ends at midnight of its zone. “At least”: samples are missing, and the true number can"
            " only be greater. “Of what was seen”: samples are missing, and it may be greater or smaller. “About”:"
            " computed from summaries. “Unchecked”: this backend can't tell whether samples are missing."
        ),
    )

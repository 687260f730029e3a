"""The figures of a report's summary: what they are called, in which unit they are written, and the days before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from socketscope.reports.form.figures import Figures, Write
from socketscope.reports.form.view import Card, Cell, Table
from socketscope.reports.form.words import Words
from socketscope.reports.model import Figure, Report, Summary, change, mean


@dataclass(frozen=True, slots=True)
class Line:
    """A figure of `Summary`: its field, what it is called, and how it is written."""

    field: str
    label: str
    write: Write

    def of(self, summary: Summary) -> Figure[Any]:
        """Return the figure."""
        figure: Figure[Any] = getattr(summary, self.field)
        return figure


def lines(words: Words) -> list[Line]:
    """Return all figures in the order in which they are shown."""
    _ = words.gettext
    return [
        Line("total_connections", _("Connections"), words.number),
        Line("unique_users", _("Users"), words.number),
        Line("unique_channels", _("Channels"), words.number),
        Line("peak_connections", _("Most connections at one moment"), words.number),
        Line("open_connections", _("Still open at the end"), words.number),
        Line("closed_connections", _("Ended"), words.number),
        Line("lost_connections", _("Lost by the network"), words.number),
        Line("failed_connections", _("Failed: the handler raised"), words.number),
        Line("vanished_connections", _("Vanished with their instance"), words.number),
        Line("messages_received", _("Messages received"), words.number),
        Line("messages_sent", _("Messages sent"), words.number),
        Line("bytes_received", _("Data received"), words.size),
        Line("bytes_sent", _("Data sent"), words.size),
        Line("median_connection_duration", _("Median duration"), words.span),
        Line("avg_connection_duration", _("Average duration"), words.span),
        Line("p95_connection_duration", _("95 % lasted at most"), words.span),
        Line("errors", _("Errors"), words.number),
        Line("error_ratio", _("Errors per message received"), words.share),
    ]


def cards(report: Report, words: Words, figures: Figures) -> list[Card]:
    """Return the figures that come first."""
    _ = words.gettext
    known = {line.field: line for line in lines(words)}
    summary = report.summary

    def card(field: str, label: str, *details: str) -> Card:
        line = known[field]
        return Card(label=label, value=figures.value(line.of(summary), line.write), details=details)

    def told(text: str, field: str) -> str:
        line = known[field]
        return text.format(number=figures.value(line.of(summary), line.write).short)

    return [
        card("total_connections", _("Connections"), *_changes(report, words, "total_connections")),
        card("unique_users", _("Users"), *_changes(report, words, "unique_users")),
        card(
            "peak_connections",
            _("Most at one moment"),
            told(_("still open at the end: {number}"), "open_connections"),
        ),
        card(
            "messages_received",
            _("Messages received"),
            told(_("sent: {number}"), "messages_sent"),
            told(_("data received: {number}"), "bytes_received"),
            told(_("data sent: {number}"), "bytes_sent"),
        ),
        card("error_ratio", _("Errors per message"), told(_("errors: {number}"), "errors")),
        card(
            "median_connection_duration",
            _("Median duration"),
            told(_("average: {number}"), "avg_connection_duration"),
            told(_("95 % at most: {number}"), "p95_connection_duration"),
        ),
    ]


def comparison(report: Report, words: Words, figures: Figures) -> Table:
    """Return all figures beside those of the day before and of the same weekdays."""
    _ = words.gettext
    before, weekdays = report.comparison.day_before, report.comparison.same_weekday
    compared = any(line.of(one.summary).available for one in (before, *weekdays) for line in lines(words))
    rows = []
    for line in lines(words):
        now = line.of(report.summary)
        row = [Cell(text=line.label), Cell.of(figures.value(now, line.write))]
        if compared:
            row += _beside(line, report, words, figures)
        rows.append(row)
    head = [_("Figure"), _("This day") if report.period.day else _("This time")]
    if compared:
        last = _mean_of(report, words)
        head += [_("Day before") if report.period.day else _("Time before"), _("Change"), last, _("Change")]
    return Table(
        key="figures",
        title=_("All figures"),
        head=head,
        rows=rows,
        note=figures.note(report.summary.total_connections) if compared else _("There is nothing to compare it with."),
    )


def _beside(line: Line, report: Report, words: Words, figures: Figures) -> list[Cell]:
    now, then = line.of(report.summary), line.of(report.comparison.day_before.summary)
    weekdays = report.comparison.same_weekday
    average = mean([line.of(one.summary) for one in weekdays])
    nothing = Cell(text="\N{EN DASH}", number=True, tone="quiet")
    day = figures.value(then, line.write)
    cells = [Cell(text=day.text, note=day.hint, number=True) if day.available else nothing]
    cells.append(_grown(change(now, then), words) or nothing)
    if average is None:
        return [*cells, nothing, nothing]
    typical, count = average
    value = typical.value or 0.0
    note = "" if count == len(weekdays) else words.gettext("of {count}").format(count=words.number(count))
    cells.append(Cell(text=line.write(round(value, 1) if value < 100 else round(value)), note=note, number=True))
    cells.append(_grown(change(now, typical), words) or nothing)
    return cells


def _grown(by: float | None, words: Words) -> Cell | None:
    return None if by is None else Cell(text=words.change(by), number=True)


def _changes(report: Report, words: Words, field: str) -> list[str]:
    """Say by how much a figure grew, against the day before and the mean of the weekdays."""
    _ = words.gettext
    now: Figure[Any] = getattr(report.summary, field)
    said = []
    if (by := change(now, getattr(report.comparison.day_before.summary, field))) is not None:
        text = _("{change} on the day before") if report.period.day else _("{change} on the time before")
        said.append(text.format(change=words.change(by)))
    average = mean([getattr(one.summary, field) for one in report.comparison.same_weekday])
    if average is not None and (by := change(now, average[0])) is not None:
        text = words.ngettext("{change} on the week before", "{change} on the mean of {count} weeks", average[1])
        said.append(text.format(change=words.change(by), count=words.number(average[1])))
    return said


def _mean_of(report: Report, words: Words) -> str:
    _ = words.gettext
    if report.period.day:
        return _("Same weekday, mean of four weeks")
    return _("Same time, mean of four weeks")

"""The lists of a report as tables: channels, routes, handshakes, closes, high load, alerts, gaps, hours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from socketscope.reports.form import labels
from socketscope.reports.form.figures import Figures
from socketscope.reports.form.names import shown
from socketscope.reports.form.view import Cell, Table
from socketscope.reports.form.words import Words
from socketscope.reports.model import BLIND, Alert, Channel, Close, Figure, Handshake, HighLoad, Hour, Report, Route

MOST: Final = 25
"""Rows of a table that are shown; JSON has all of them."""

T = TypeVar("T")


class Tables:
    """Makes each table of one report, in one language."""

    def __init__(self, report: Report, words: Words, figures: Figures) -> None:
        self._report = report
        self._words = words
        self._figures = figures

    def all(self) -> list[Table]:
        """Return the tables in their order."""
        return [
            self.channels(),
            self.routes(),
            self.handshakes(),
            self.closes(),
            self.high_load(),
            self.alerts(),
            self.gaps(),
        ]

    def channels(self) -> Table:
        """Return the channels with the most connections, or messages."""
        _ = self._words.gettext
        figure = self._report.top_channels
        rows = figure.value or ()
        by_connections = any(channel.connections is not None for channel in rows)
        weights = [(one.connections if by_connections else _traffic(one)) or 0 for one in rows]
        most = max(weights, default=0) or 1
        parts = dict(zip(map(id, rows), (weight / most for weight in weights), strict=True))

        def row(channel: Channel) -> list[Cell]:
            return [
                Cell(text=shown(channel.name), part=parts[id(channel)]),
                self._count(channel.connections, figure),
                self._count(channel.messages_received, figure),
                self._count(channel.messages_sent, figure),
            ]

        table = Table(
            key="channels",
            title=_("Top channels"),
            head=[_("Channel"), _("Connections"), _("Messages received"), _("Messages sent")],
            empty=_("No channel was used."),
            essential=True,
        )
        return self._filled(table, figure, row)

    def routes(self) -> Table:
        """Return the routes whose messages took longest."""
        _ = self._words.gettext
        figure = self._report.slowest_routes
        span = self._words.span

        def row(route: Route) -> list[Cell]:
            return [
                Cell(text=shown(route.route)),
                self._count(route.messages, figure),
                *(Cell(text=span(value), number=True) for value in (route.p50, route.p95, route.p99)),
            ]

        table = Table(
            key="routes",
            title=_("Slowest routes"),
            head=[_("Route"), _("Messages"), _("half within"), _("95 % within"), _("99 % within")],
            empty=_("No message was handled."),
            essential=True,
        )
        return self._filled(table, figure, row)

    def handshakes(self) -> Table:
        """Return what became of handshakes."""
        _ = self._words.gettext
        outcomes = labels.outcomes(self._words)
        figure = self._report.handshakes
        total = sum(one.count for one in figure.value or ())

        def row(one: Handshake) -> list[Cell]:
            status = _("no answer") if one.status is None else str(one.status)
            outcome = outcomes.get(one.outcome) or shown(one.outcome)
            return [Cell(text=outcome), Cell(text=status), *self._of(one.count, total, figure)]

        table = Table(
            key="handshakes",
            title=_("Handshakes"),
            head=[_("Outcome"), _("HTTP status"), _("Handshakes"), _("Share")],
            empty=_("There was no handshake."),
        )
        return self._filled(table, figure, row)

    def closes(self) -> Table:
        """Return how connections ended, and by whom."""
        _ = self._words.gettext
        initiators = labels.initiators(self._words)
        figure = self._report.closes
        total = sum(one.connections for one in figure.value or ())

        def row(one: Close) -> list[Cell]:
            who = initiators.get(one.initiator) or shown(one.initiator)
            code = labels.close_code(self._words, one.code)
            return [Cell(text=code), Cell(text=who), *self._of(one.connections, total, figure)]

        table = Table(
            key="closes",
            title=_("How connections ended"),
            head=[_("Close code"), _("Ended by"), _("Connections"), _("Share")],
            empty=_("No connection ended."),
        )
        return self._filled(table, figure, row)

    def high_load(self) -> Table:
        """Return when there was much to do."""
        _ = self._words.gettext
        kinds = labels.loads(self._words)

        def row(load: HighLoad) -> list[Cell]:
            write = self._words.share if load.kind == "cpu" else self._words.number
            return [
                Cell(text=self._words.stretch(load.since, load.until, self._report.period)),
                Cell(text=kinds[load.kind]),
                Cell(text=write(load.peak), number=True),
                Cell(text=write(load.threshold), number=True),
            ]

        table = Table(
            key="load",
            title=_("High load"),
            head=[_("When"), _("Of what"), _("Greatest"), _("High from")],
            empty=_("There was none."),
        )
        filled = self._filled(table, self._report.high_load, row)
        unknown = [kinds[kind] for kind in self._report.unknown_loads]
        if not unknown or not self._report.high_load.available:
            return filled
        note = _("Not available: {loads}.").format(loads=", ".join(unknown))
        if len(unknown) == len(kinds):
            return replace(filled, empty=note)
        return replace(filled, note=f"{filled.note} {note}".strip())

    def alerts(self) -> Table:
        """Return the alerts of the period."""
        _ = self._words.gettext
        severities, ends = labels.severities(self._words), labels.ends(self._words)

        def row(alert: Alert) -> list[Cell]:
            of = ", ".join(f"{shown(name)}={shown(value)}" for name, value in sorted(alert.labels.items())[:4])
            end = _("still fires") if alert.ended_at is None else ends.get(alert.end or "", shown(alert.end or ""))
            return [
                Cell(text=shown(alert.rule), note=of),
                Cell(text=severities[alert.severity], tone=alert.severity),
                Cell(text=self._words.stretch(alert.fired_at, alert.ended_at, self._report.period)),
                Cell(text=end),
            ]

        table = Table(
            key="alerts",
            title=_("Alerts"),
            head=[_("Alert"), _("How bad"), _("When"), _("End")],
            empty=_("No alert fired."),
        )
        return self._filled(table, self._report.alerts, row)

    def gaps(self) -> Table:
        """Return when instances lived and did not report."""
        _ = self._words.gettext
        fleet = self._report.fleet
        unknown = fleet.value is not None and fleet.value.coverage is None
        rows = [
            [
                Cell(text=shown(gap.instance), note=shown(gap.service)),
                Cell(text=self._words.stretch(gap.since, gap.until, self._report.period)),
                self._count(gap.missing, fleet),
            ]
            for gap in (fleet.value.gaps if fleet.value else ())
        ]
        empty = _("This backend can't tell whether samples are missing.") if unknown else _("No sample is missing.")
        return self._cut(
            Table(
                key="gaps",
                title=_("Missing samples"),
                head=[_("Instance"), _("When"), _("Samples missing")],
                rows=rows,
                empty=empty if fleet.available else self._figures.missing(fleet),
                mark=self._figures.mark(fleet),
            )
        )

    def hours(self) -> Table:
        """Return the numbers of the chart."""
        _ = self._words.gettext
        figure = self._report.connections_per_hour

        def row(hour: Hour) -> list[Cell]:
            count = self._count(hour.connections, figure, unknown=_("not available"))
            return [Cell(text=self._words.stretch(hour.since, hour.until, self._report.period)), count]

        table = Table(key="hours", title=_("The numbers of the chart"), head=[_("Hour"), _("Connections")])
        return self._filled(table, figure, row, most=7 * 24)

    def _filled(
        self, table: Table, figure: Figure[Sequence[T]], row: Callable[[T], Sequence[Cell]], *, most: int = MOST
    ) -> Table:
        """Give a table its rows, one of each item of a figure, or the reason why there are none."""
        return self._cut(
            replace(
                table,
                rows=[row(one) for one in figure.value or ()],
                empty=table.empty if figure.available else self._figures.missing(figure),
                note=self._figures.note(figure),
                mark=self._figures.mark(figure),
            ),
            most,
        )

    def _cut(self, table: Table, most: int = MOST) -> Table:
        return cut(table, most, self._words)

    def _count(self, value: float | None, of: Figure[Any], *, unknown: str = "\N{EN DASH}") -> Cell:
        if value is None:
            return Cell(text=unknown, number=True, tone="quiet")
        least = "\N{GREATER-THAN OR EQUAL TO}" if of.certainty in BLIND else ""
        return Cell(text=least + self._words.number(value), number=True)

    def _of(self, count: int, total: int, of: Figure[Any]) -> list[Cell]:
        part = count / total if total else 0.0
        return [self._count(count, of), Cell(text=self._words.share(part), number=True, part=part)]


def cut(table: Table, most: int, words: Words) -> Table:
    """Leave `most` rows of a table, and say how many are gone."""
    gone = len(table.rows) - most
    if gone <= 0:
        return table
    text = words.ngettext("and {count} more", "and {count} more", gone)
    return replace(table, rows=table.rows[:most], more=text.format(count=words.number(gone)))


def _traffic(channel: Channel) -> int:
    return (channel.messages_received or 0) + (channel.messages_sent or 0)

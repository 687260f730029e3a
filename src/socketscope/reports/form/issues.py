"""What went wrong: when, how bad, and where to look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from socketscope.reports.form import labels
from socketscope.reports.form.figures import Figures
from socketscope.reports.form.view import Cell, Table
from socketscope.reports.form.words import Words
from socketscope.reports.model import Issue, IssueKind, Report

MOST: Final = 20
"""Issues that are shown; JSON has all of them."""


def issues(report: Report, words: Words, figures: Figures) -> Table:
    """Return the issues, each with its time, severity and the address of a trace, or of the console."""
    _ = words.gettext
    severities = labels.severities(words)
    teller = _Teller(words, figures)
    total = report.summary.total_connections
    rows = [
        [
            Cell(text=words.stretch(issue.since, issue.until, report.period)),
            Cell(text=severities[issue.severity], tone=issue.severity),
            Cell(text=teller.tell(issue)),
            Cell(text=_where(issue, words), address=issue.link),
        ]
        for issue in report.issues_detected[:MOST]
    ]
    more = len(report.issues_detected) - len(rows)
    text = words.ngettext("and {count} more", "and {count} more", more)
    return Table(
        key="issues",
        title=_("What went wrong"),
        head=[_("When"), _("How bad"), _("What"), _("Look at")],
        rows=rows,
        empty=_("Nothing was detected.") if total.available else figures.missing(total),
        note=figures.note(total),
        more=text.format(count=words.number(more)) if more else "",
        essential=True,
    )


def _where(issue: Issue, words: Words) -> str:
    if issue.link is None:
        return issue.trace_id or ""
    return words.gettext("trace") if issue.trace_id else words.gettext("console")


class _Teller:
    """Has a sentence for each kind of issue."""

    def __init__(self, words: Words, figures: Figures) -> None:
        self._words = words
        self._figures = figures
        self._tell: Mapping[IssueKind, Callable[[Issue], str]] = {
            "high_load": self._high_load,
            "errors": self._errors,
            "lost_links": self._lost_links,
            "failed_handshakes": self._failed_handshakes,
            "slow_route": self._slow_route,
            "vanished_instance": self._vanished_instance,
            "gap": self._gap,
            "alert": self._alert,
        }

    def tell(self, issue: Issue) -> str:
        return self._tell[issue.kind](issue)

    def _high_load(self, issue: Issue) -> str:
        _ = self._words.gettext
        write = self._words.share if issue.name == "cpu" else self._words.number
        texts = {
            "connections": _("high load: {peak} connections open at one moment ({limit} count as high)"),
            "messages": _("high load: {peak} messages a second ({limit} count as high)"),
            "cpu": _("high load: {peak} of the busiest host's processors in use ({limit} count as high)"),
        }
        return texts[issue.name].format(peak=write(issue.value or 0), limit=write(issue.reference or 0))

    def _errors(self, issue: Issue) -> str:
        _ = self._words.gettext
        text = self._words.ngettext("{count} error", "{count} errors", _whole(issue))
        said = [text.format(count=self._count(issue))]
        if issue.share is not None:
            said.append(_("{share} of the messages received").format(share=self._words.share(issue.share)))
        if issue.name:
            said.append(_("most often {name}").format(name=self._words.quoted(issue.name)))
        return ", ".join(said)

    def _lost_links(self, issue: Issue) -> str:
        text = self._words.ngettext("{count} link broke", "{count} links broke", _whole(issue))
        return self._with_share(text, self._words.gettext("{share} of the connections that ended"), issue)

    def _failed_handshakes(self, issue: Issue) -> str:
        text = self._words.ngettext(
            "{count} handshake was not accepted", "{count} handshakes were not accepted", _whole(issue)
        )
        return self._with_share(text, self._words.gettext("{share} of all"), issue)

    def _slow_route(self, issue: Issue) -> str:
        text = self._words.gettext("{route}: one message of twenty took {span} or longer ({limit} counts as slow)")
        return text.format(
            route=self._words.quoted(issue.name),
            span=self._words.span(issue.value or 0),
            limit=self._words.span(issue.reference or 0),
        )

    def _vanished_instance(self, issue: Issue) -> str:
        _ = self._words.gettext
        text = _("instance {name} fell silent without a word").format(name=self._words.quoted(issue.name))
        if not issue.value:
            return text
        gone = self._words.ngettext("with {count} connection", "with {count} connections", _whole(issue))
        return f"{text}, {gone.format(count=self._count(issue))}"

    def _gap(self, issue: Issue) -> str:
        text = self._words.ngettext(
            "instance {name} was silent: {count} sample is missing",
            "instance {name} was silent: {count} samples are missing",
            _whole(issue),
        )
        return text.format(name=self._words.quoted(issue.name), count=self._count(issue))

    def _alert(self, issue: Issue) -> str:
        _ = self._words.gettext
        name = self._words.quoted(issue.name)
        if issue.value is None:
            return _("alert {name}").format(name=name)
        return _("alert {name}, at {value}").format(name=name, value=self._words.number(issue.value))

    def _with_share(self, text: str, share: str, issue: Issue) -> str:
        said = text.format(count=self._count(issue))
        return said if issue.share is None else f"{said}, {share.format(share=self._words.share(issue.share))}"

    def _count(self, issue: Issue) -> str:
        return self._figures.number(issue.value or 0, issue.certainty)


def _whole(issue: Issue) -> int:
    return round(issue.value or 0)

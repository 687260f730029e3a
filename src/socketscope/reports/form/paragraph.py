"""What stands out, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from socketscope.reports.form.figures import Figures
from socketscope.reports.form.words import Words
from socketscope.reports.model import Figure, Highlight, HighlightKind, Report


def sentences(report: Report, words: Words, figures: Figures) -> list[str]:
    """Say everything that stands out, in the order of the report."""
    speaker = _Speaker(report, words, figures)
    return [speaker.say(highlight) for highlight in report.highlights]


class _Speaker:
    """Has one sentence, or two, for each kind of highlight. Totals are the summary's, which knows their truth."""

    def __init__(self, report: Report, words: Words, figures: Figures) -> None:
        self._report = report
        self._words = words
        self._figures = figures
        self._sentences: Mapping[HighlightKind, Callable[[Highlight], str]] = {
            "no_data": self._no_data,
            "incomplete": self._incomplete,
            "events_missing": self._events_missing,
            "known_since": self._known_since,
            "no_connections": self._no_connections,
            "connections": self._connections,
            "busiest_hour": self._busiest_hour,
            "peak": self._peak,
            "errors": self._errors,
            "lost_links": self._lost_links,
            "slow_route": self._slow_route,
            "vanished": self._vanished,
            "alerts": self._alerts,
            "all_well": self._all_well,
        }

    def say(self, highlight: Highlight) -> str:
        return self._sentences[highlight.kind](highlight)

    def _no_data(self, _highlight: Highlight) -> str:
        return self._words.gettext("No instance reported, so nothing is known of this time.")

    def _incomplete(self, highlight: Highlight) -> str:
        gone = round(highlight.value or 0)
        text = self._words.ngettext(
            "{count} sample is missing: {share} arrived.", "{count} samples are missing: {share} arrived.", gone
        )
        return text.format(count=self._words.number(gone), share=self._words.seen(highlight.share or 0))

    def _events_missing(self, highlight: Highlight) -> str:
        return self._words.gettext(
            "Events are missing: they tell of {seen} connections, and {counted} were counted at the least."
        ).format(seen=self._words.number(highlight.value or 0), counted=self._words.number(highlight.reference or 0))

    def _known_since(self, highlight: Highlight) -> str:
        return self._words.gettext("Nothing is kept of what was before {moment}.").format(
            moment=self._words.moment(highlight.since or 0)
        )

    def _no_connections(self, _highlight: Highlight) -> str:
        return self._words.gettext("Instances reported, and nobody connected.")

    def _connections(self, highlight: Highlight) -> str:
        _ = self._words.gettext
        figure = self._report.summary.total_connections
        count = figure.value or 0
        text = self._words.ngettext("There was {number} connection", "There were {number} connections", count)
        said = self._counted(text, figure)
        if highlight.change is None or highlight.against is None or highlight.reference is None:
            return f"{said}."
        like = {
            "day_before": _("the day before") if self._report.period.day else _("in the time before"),
            "same_weekday": _("in the weeks before, on average"),
        }[highlight.against]
        text = (
            _("{said}, as many as {like} ({reference}).")
            if round(highlight.change, 3) == 0
            else _("{said}, {share} more than {like} ({reference}).")
            if highlight.change > 0
            else _("{said}, {share} fewer than {like} ({reference}).")
        )
        share = self._words.share(abs(round(highlight.change, 3)))
        return text.format(said=said, share=share, like=like, reference=self._words.number(highlight.reference))

    def _busiest_hour(self, highlight: Highlight) -> str:
        period = self._report.period
        if highlight.since is None or highlight.value is None or period.hours <= 1:
            return ""
        return self._words.gettext("The busiest hour was {stretch}: {number} began then.").format(
            stretch=self._words.stretch(highlight.since, highlight.until, period),
            number=self._figures.number(highlight.value, self._report.connections_per_hour.certainty),
        )

    def _peak(self, highlight: Highlight) -> str:
        _ = self._words.gettext
        said = self._counted(_("At one moment {number} were open"), self._report.summary.peak_connections)
        reference = highlight.reference
        if reference is None or highlight.value is None or highlight.value <= reference:
            return f"{said}."
        text = _("{said}, more than on any day that this is compared with ({reference}).")
        if not self._report.period.day:
            text = _("{said}, more than at any time that this is compared with ({reference}).")
        return text.format(said=said, reference=self._words.number(reference))

    def _errors(self, highlight: Highlight) -> str:
        _ = self._words.gettext
        figure = self._report.summary.errors
        text = self._words.ngettext("{number} error was raised", "{number} errors were raised", figure.value or 0)
        said = [self._counted(text, figure)]
        if highlight.share is not None:
            said.append(_("{share} of the messages received").format(share=self._words.share(highlight.share)))
        if highlight.name:
            said.append(_("most often {name}").format(name=self._words.quoted(highlight.name)))
        if grown := self._grown(highlight):
            said.append(grown)
        return ", ".join(said) + "."

    def _lost_links(self, highlight: Highlight) -> str:
        _ = self._words.gettext
        figure = self._report.summary.lost_connections
        text = self._words.ngettext("{number} link broke", "{number} links broke", figure.value or 0)
        said = [self._counted(text, figure)]
        if highlight.share is not None:
            said.append(_("{share} of the connections that ended").format(share=self._words.share(highlight.share)))
        if grown := self._grown(highlight):
            said.append(grown)
        return ", ".join(said) + "."

    def _slow_route(self, highlight: Highlight) -> str:
        return self._words.gettext("{route} was slow: one message of twenty took {span} or longer.").format(
            route=self._words.quoted(highlight.name), span=self._words.span(highlight.value or 0)
        )

    def _vanished(self, highlight: Highlight) -> str:
        count = round(highlight.value or 0)
        text = self._words.ngettext(
            "{count} instance fell silent without a word.", "{count} instances fell silent without a word.", count
        ).format(count=self._words.number(count))
        if not highlight.reference:
            return text
        gone = self._words.ngettext(
            "{number} connection went with it", "{number} connections went with it", round(highlight.reference)
        )
        return f"{text} {self._counted(gone, self._report.summary.vanished_connections)}."

    def _alerts(self, highlight: Highlight) -> str:
        count, firing = round(highlight.value or 0), round(highlight.reference or 0)
        text = self._words.ngettext(
            "{count} alert fired: {name}.", "{count} alerts fired, the gravest: {name}.", count
        ).format(count=self._words.number(count), name=self._words.quoted(highlight.name))
        if not firing:
            return text
        return f"{text} " + self._words.ngettext(
            "{count} still fired at the end.", "{count} still fired at the end.", firing
        ).format(count=self._words.number(firing))

    def _all_well(self, _highlight: Highlight) -> str:
        return self._words.gettext("Nothing went wrong that is worth a word.")

    def _grown(self, highlight: Highlight) -> str:
        if highlight.change is None or highlight.against is None or round(highlight.change, 3) == 0:
            return ""
        _ = self._words.gettext
        text = {
            "day_before": _("{change} on the day before")
            if self._report.period.day
            else _("{change} on the time before"),
            "same_weekday": _("{change} on the mean of the weeks before"),
        }[highlight.against]
        return text.format(change=self._words.change(highlight.change))

    def _counted(self, text: str, figure: Figure[Any]) -> str:
        """Put a total into a sentence, and what is known of its truth behind it."""
        value = self._figures.value(figure, self._words.number)
        said = text.format(number=value.text)
        said = said[:1].upper() + said[1:]
        return f"{said} ({value.note})" if value.note else said

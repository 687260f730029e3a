"""A figure in words: never without what is known of its truth, never 0 for what is not available."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from socketscope.reports.form import labels
from socketscope.reports.form.words import Words
from socketscope.reports.model import BLIND, Certainty, Coverage, Figure, Method, Source

Write = Callable[[float], str]
"""Writes a number in its unit."""
NO_MARK: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A figure as it is shown: `text`, a `note` on its truth ("81 % of the samples seen"), and its footnote's number.

    `hint` is the note in a word or two, where that of all figures stands above. `available` is False where `text` says
    that there is none; `note` is the reason then.
    """

    text: str
    note: str = ""
    hint: str = ""
    mark: int = NO_MARK
    available: bool = True

    @property
    def short(self) -> str:
        """Text and hint."""
        return f"{self.text} ({self.hint})" if self.hint else self.text

    def __str__(self) -> str:
        return f"{self.text} ({self.note})" if self.note else self.text


class Figures:
    """Writes figures, and numbers the ways in which they were made in the order in which these come up."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._reasons = labels.reasons(words)
        self._marks: dict[tuple[Source, Method], int] = {}

    def value(self, figure: Figure[Any], write: Write) -> Value:
        """Write a figure whose value is a number."""
        if figure.value is None:
            return Value(
                text=self._words.gettext("not available"),
                note=self.reason(figure),
                mark=self.mark(figure),
                available=False,
            )
        _ = self._words.gettext
        text, mark = write(figure.value), self.mark(figure)
        if figure.certainty == "at_least":
            return Value(text=_("at least {number}").format(number=text), note=self._seen(figure.coverage), mark=mark)
        if figure.certainty == "of_seen":
            note = _("of what was seen: {seen}").format(seen=self._seen(figure.coverage))
            return Value(text=text, note=note, hint=_("of what was seen"), mark=mark)
        if figure.certainty == "estimate":
            return Value(text=_("about {number}").format(number=text), mark=mark)
        note = _("unchecked") if figure.certainty == "unchecked" else ""
        return Value(text=text, note=note, hint=note, mark=mark)

    def number(self, value: float, certainty: Certainty) -> str:
        """Write a number in a sentence that has no room for a note."""
        text = self._words.number(value)
        return self._words.gettext("at least {number}").format(number=text) if certainty in BLIND else text

    def note(self, figure: Figure[Any]) -> str:
        """Say what is known of the truth of a figure that is a list; nothing where it is exact, or not available."""
        _ = self._words.gettext
        if not figure.available or figure.certainty == "exact":
            return ""
        if figure.certainty == "at_least":
            return _("At least: {seen}.").format(seen=self._seen(figure.coverage))
        if figure.certainty == "of_seen":
            return _("Of what was seen: {seen}.").format(seen=self._seen(figure.coverage))
        return _("About: computed from summaries.") if figure.certainty == "estimate" else _("Unchecked.")

    def reason(self, figure: Figure[Any]) -> str:
        """Say why a figure is not available."""
        return self._reasons[figure.reason or "no_data"]

    def missing(self, figure: Figure[Any]) -> str:
        """Say in a sentence why a figure is not available."""
        return self._words.gettext("Not available: {reason}.").format(reason=self.reason(figure))

    def mark(self, figure: Figure[Any]) -> int:
        """Return the number of the footnote that says where a figure comes from."""
        return self._marks.setdefault((figure.source, figure.method), len(self._marks) + 1)

    def made(self) -> list[tuple[int, str, str]]:
        """Return number, source and method of each footnote."""
        sources, methods = labels.sources(self._words), labels.methods(self._words)
        return [(mark, sources[source], methods[method]) for (source, method), mark in self._marks.items()]

    def _seen(self, coverage: Coverage | None) -> str:
        if coverage is None or coverage.share is None:
            return self._words.gettext("samples are missing")
        return self._words.gettext("{share} of the samples seen").format(share=self._words.seen(coverage.share))

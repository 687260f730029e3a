"""Names that strangers chose (channels, routes, rules, instances), made fit to stand in a sentence of ours.

What remains is one line of bounded length without characters that control, hide or reorder others. Escaping it for
HTML or Markdown is each form's own affair.
"""

from __future__ import annotations

import unicodedata
from typing import Final

LONGEST: Final = 64
"""Characters of a name that are shown; of a longer one its beginning and its end."""
_TAIL: Final = 16
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
"""Categories of characters that nobody sees, but that change what is seen (Unicode, 4.5)."""
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})
_ISOLATE: Final = "\N{FIRST STRONG ISOLATE}"
_END: Final = "\N{POP DIRECTIONAL ISOLATE}"
_MARKS: Final = 3
"""Combining marks on one character; more of them cover the lines around."""


def shown(name: str) -> str:
    """Return a name as it is shown; a text that says so for one without any visible character."""
    text = " ".join(_visible(_ends(name)).split())
    if len(text) > LONGEST:
        text = f"{text[: LONGEST - _TAIL - 1]}…{text[-_TAIL:]}"
    if any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in text):
        return f"{_ISOLATE}{text}{_END}"
    return text or "∅"


def _ends(name: str) -> str:
    """Return a name, or the two ends of one that is too long to be looked at as a whole."""
    return name if len(name) <= 16 * LONGEST else name[: 8 * LONGEST] + name[-8 * LONGEST :]


def _visible(name: str) -> str:
    kept, marks = [], 0
    for character in name:
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks <= _MARKS:
            kept.append(" " if category in _UNSEEN else character)
    return "".join(kept)

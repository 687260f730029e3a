"""The alphabet of an SMS (3GPP TS 23.038, GSM 7 bit): what fits into one message without becoming two."""

from __future__ import annotations

import unicodedata
from typing import Final

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = frozenset("^{}\\[~]|\N{EURO SIGN}")
"""These take the room of two."""
_INSTEAD: Final = {
    "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{MINUS SIGN}": "-",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{BULLET}": "*",
    "\N{MIDDLE DOT}": "-",
    "`": "'",
    "\t": " ",
}
"""What stands for letters that the alphabet has not; accents go by themselves."""
_MORE: Final = "..."


def fitting(text: str, most: int | None = None) -> str:
    """Return `text` in the alphabet, cut to the room of `most` characters; what has no like in it becomes `?`."""
    letters = "".join(map(_letter, text))
    if most is None or room(letters) <= most:
        return letters
    kept, left = [], most - len(_MORE)
    for letter in letters:
        left -= room(letter)
        if left < 0:
            break
        kept.append(letter)
    return "".join(kept).rstrip() + _MORE


def room(text: str) -> int:
    """Return how many characters of an SMS a text of the alphabet takes."""
    return sum(2 if letter in _EXTENDED else 1 for letter in text)


def _letter(letter: str) -> str:
    if letter in _BASIC or letter in _EXTENDED:
        return letter
    if letter in _INSTEAD:
        return _INSTEAD[letter]
    simple = "".join(part for part in unicodedata.normalize("NFKD", letter) if part in _BASIC)
    return simple or "?"

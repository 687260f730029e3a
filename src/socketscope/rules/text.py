"""The sentence that an alert says, with its numbers and labels filled in."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from typing import Final

from socketscope.rules.model import Rule

UNKNOWN: Final = "unknown"
"""Stands for a value that is not known, and for a label that is not there."""
_PLAIN: Final = ".4g"


def render(rule: Rule, labels: Mapping[str, str], value: float | None) -> str:
    """Fill in the summary of `rule` for an alert with these labels and this value (None: nothing is known)."""
    made = []
    for literal, field, form in placeholders(rule.summary):
        made.append(literal)
        if field == "value":
            made.append(UNKNOWN if value is None else format(value, form or _PLAIN))
        elif field == "threshold":
            made.append(format(rule.threshold, form or _PLAIN))
        elif field == "labels":
            made.append(", ".join(f"{name}={labels[name]}" for name in sorted(labels)) or "no labels")
        elif field:
            made.append(labels.get(label_of(field), UNKNOWN))
    return "".join(made)


def placeholders(summary: str) -> Iterator[tuple[str, str | None, str]]:
    """Take a summary apart: text, the placeholder after it (None at the end), and the format of its number.

    Raises `ValueError` for braces that do not match.
    """
    text = ""
    for literal, field, form, _ in string.Formatter().parse(summary):
        text += literal  # a doubled brace comes as a literal of its own
        if field is not None:
            yield text, field, form or ""
            text = ""
    if text:
        yield text, None, ""


def label_of(field: str) -> str:
    """Give the attribute in `labels[ATTRIBUTE]`."""
    return field.removeprefix("labels[").removesuffix("]")

"""Labels as silences and routes name them: in a value `*` stands for any characters, and nothing else is special."""

from __future__ import annotations

import re
from collections.abc import Mapping


def matches(patterns: Mapping[str, str], *, rule: str, severity: str, labels: Mapping[str, str]) -> bool:
    """Whether an alert has all of `patterns`; `rule` and `severity` are its rule's, whatever labels it has."""
    known = {**labels, "rule": rule, "severity": severity}
    return all(_is_like(known.get(name, ""), pattern) for name, pattern in patterns.items())


def _is_like(text: str, pattern: str) -> bool:
    # Not fnmatch: to it the brackets of a channel `room[1]` mean something.
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None

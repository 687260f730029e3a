"""Durations and thresholds as people write them: `30s`, `1h30m`, `80%`."""

from __future__ import annotations

import math
import re
from typing import Any, Final

DURATION: Final = "a duration as 30s, 5m, 2h or 1d, or seconds"
NUMBER: Final = "a number, or a share as 80%"
LONGEST: Final = 3660 * 86_400.0
"""Seconds, ten years: what is longer is a slip of the pen."""

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
DURATION_PATTERN: Final = r"^(\d+(\.\d+)?(ms|s|m|h|d|w))+$"
SHARE_PATTERN: Final = r"^-?\d+(\.\d+)?\s*%$"
_SCIENTIFIC: Final = r"-?\d+(\.\d+)?[eE][+-]?\d+"  # text to YAML 1.1 where a dot or a sign is missing


def seconds(written: Any) -> float:
    """Read a duration: text with units, or a number of seconds. Raises `ValueError` that says what was expected."""
    found = math.nan
    if isinstance(written, str) and re.fullmatch(DURATION_PATTERN, text := written.strip()):
        found = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    elif isinstance(written, int | float) and not isinstance(written, bool):
        found = float(written)
    if not math.isfinite(found) or found < 0:
        raise ValueError(DURATION)
    if found > LONGEST:
        raise ValueError(f"{DURATION}; at most {LONGEST / 86_400:g}d")
    return found


def number(written: Any) -> float:
    """Read a threshold: a number, or a percentage, which is a hundredth. Raises `ValueError`."""
    if isinstance(written, str) and re.fullmatch(SHARE_PATTERN, text := written.strip()):
        return float(text.removesuffix("%")) / 100
    if isinstance(written, str) and re.fullmatch(_SCIENTIFIC, written) and math.isfinite(float(written)):
        return float(written)
    if isinstance(written, int | float) and not isinstance(written, bool) and math.isfinite(written):
        return float(written)
    raise ValueError(NUMBER)


def written(duration: float) -> str:
    """Write seconds as Prometheus and people do: `90s`, `5m`, `2h`."""
    milliseconds = round(duration * 1000)
    if milliseconds % 1000:
        return f"{milliseconds}ms"
    whole = milliseconds // 1000
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if whole and whole % size == 0:
            return f"{whole // size}{unit}"
    return f"{whole}s"

"""Moments in requests and answers: ISO 8601 or seconds since the epoch in, UTC with milliseconds out."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema


def to_datetime(moment: float) -> datetime:
    """Seconds since the epoch as a datetime in UTC."""
    return datetime.fromtimestamp(moment, UTC)


def to_milliseconds(moment: float) -> float:
    """Round to what an answer's `timestamp` carries, so that it can be asked for again."""
    return round(moment, 3)


def parse_moment(value: object) -> float:
    """Read `2026-11-20T09:30:00Z`, with or without an offset (then UTC), or `1795167000.5`.

    Raises `ValueError` that names both forms.
    """
    text = str(value).strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            # An unescaped "+" of an offset arrives as a space.
            moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        except ValueError:
            seconds = math.nan
        else:
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not 0 <= seconds < 1e11:
        raise ValueError("an ISO 8601 time (2026-11-20T09:30:00Z) or seconds since the epoch are expected")
    return seconds


Moment = Annotated[float, BeforeValidator(parse_moment), WithJsonSchema({"type": "string"})]
"""A query parameter that is a moment."""

"""What can be chosen about reports."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from socketscope.commas import Names
from socketscope.rules.quantities import number, seconds

Language = Literal["en", "es"]
"""Languages in which a report can be written."""


def known_zone(name: str) -> str:
    """Check that `name` is a time zone. Raises `ValueError` that says what was expected."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:  # one that is not known is a KeyError
        raise ValueError(_ZONE) from error
    return name


_ZONE = "a time zone of the IANA database, as `Europe/Madrid`"


def _time_of_day(value: Any) -> Any:
    if isinstance(value, int):  # YAML reads 02:00 as 120 minutes, in base 60
        return time(value // 60 % 24, value % 60) if 0 <= value < 1440 else value
    return value


Duration = Annotated[float, BeforeValidator(seconds, json_schema_input_type=float | str)]
"""Seconds, or text as `5m`."""
Share = Annotated[float, BeforeValidator(number, json_schema_input_type=float | str)]
"""A number, or text as `80%`."""


class ReportOptions(BaseModel):
    """Which reports are made, in which zone and language, and who gets them. Durations are seconds, or text as `5m`."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    enabled: bool = True
    """Make a report of every day."""
    zone: Annotated[str, AfterValidator(known_zone)] = "UTC"
    """Time zone of days and times, as `Europe/Madrid`."""
    at: Annotated[time, BeforeValidator(_time_of_day)] = time(2)
    """When the report of the day before is made, in `zone`."""
    language: Language = "en"
    """Language of reports."""
    notify: Names = ()
    """Names of notifiers that get every report, separated by commas; none: reports are kept and nobody is told."""
    retention_days: float = Field(default=90, gt=0, le=3660)
    """How long reports are kept."""
    link: str | None = Field(default=None, pattern="^https?://")
    """Address of the console in reports; by default the one on which it listens."""
    top: int = Field(default=10, ge=1, le=100)
    """How many channels and routes are listed."""
    high_connections: float | None = Field(default=None, gt=0)
    """Open connections that count as a high load; by default twice the median of the period."""
    high_messages: float | None = Field(default=None, gt=0)
    """Messages a second that count as a high load; by default three times the median of the period."""
    high_cpu: Share = Field(default=0.8, gt=0, le=1)
    """Share of a host's processors in use that counts as a high load."""
    slow: Duration = Field(default=1.0, gt=0)
    """A route is called slow when one message of twenty takes this long to be handled."""
    retry_within: Duration = Field(default=3600.0, gt=0)
    """Longest time until a report that could not be made is tried again."""
    timeout: Duration = Field(default=300.0, gt=0)
    """Time for the backend to answer all questions of a report."""

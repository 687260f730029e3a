"""What can be chosen about alerts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import NoDecode

from socketscope.commas import Names, split
from socketscope.rules.model import Severity
from socketscope.rules.quantities import seconds

Duration = Annotated[float, BeforeValidator(seconds, json_schema_input_type=float | str)]
"""Seconds, or text as `5m`."""
_CONFIG = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Route(BaseModel):
    """Which alerts go to whom: those that have all that is named here."""

    model_config = _CONFIG

    notify: tuple[str, ...]
    """Names of notifiers; none: these alerts are shown and nobody is told."""
    severity: Severity | None = None
    """Only alerts of this severity."""
    labels: Mapping[str, str] = Field(default_factory=dict)
    """Only alerts with these labels; `*` in a value stands for any characters, and `rule` for the rule's name."""


class HeartbeatOptions(BaseModel):
    """Who is told regularly that the alerting lives, to raise an alarm when it is silent."""

    model_config = _CONFIG

    notify: tuple[str, ...] = Field(min_length=1)
    """Names of notifiers."""
    interval: Duration = Field(default=300.0, ge=1)
    """How often."""


class AlertOptions(BaseModel):
    """Which rules are evaluated, and who is told what how often. Durations are seconds, or text as `5m`."""

    model_config = _CONFIG

    pack: bool = True
    """Evaluate the rules that socketscope comes with."""
    rules: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(split)] = ()
    """Files of further rules, separated by commas."""
    thresholds: Mapping[str, float | str] = Field(default_factory=dict)
    """Other thresholds for rules, by their names, as `{HighCPU: 90%}`."""
    disabled: Names = ()
    """Names of rules that are not evaluated, separated by commas."""
    routes: tuple[Route, ...] = ()
    """Who is told of which alerts: the first route that an alert matches counts; without any, every notifier of all."""
    group_by: Names | None = None
    """Labels: alerts of a rule with the same values of these are told as one; by default each alert by itself."""
    repeat: Duration = Field(default=4 * 3600.0, ge=0)
    """How often it is said again that an alert still fires; 0: never."""
    cooldown: Duration = Field(default=300.0, ge=0)
    """Shortest time between being told of an alert and, should it resolve and fire again, the next time."""
    catch_up: Duration = Field(default=60.0, ge=0)
    """How far back evaluations that did not take place in time are made up for; older ones are counted as missed."""
    unreachable_after: Duration = Field(default=60.0, ge=0)
    """How long the backend must not answer until there is an alert about that."""
    timeout: Duration = Field(default=10.0, gt=0)
    """Time for the answer to one question to the backend."""
    concurrency: int = Field(default=8, ge=1)
    """How many questions the backend is asked at the same time."""
    heartbeat: HeartbeatOptions | None = None
    """Who is told regularly that the alerting lives: `{notify: [NAMES], interval: 5m}`."""
    link: str | None = Field(default=None, pattern="^https?://")
    """Address of the console in notifications; by default the one on which it listens."""

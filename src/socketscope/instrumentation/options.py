"""Options of the instrumentation; `from_environment` is the one place that reads `SOCKETSCOPE_*` for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast, get_args

from typing_extensions import override

from socketscope.errors import ConfigurationError
from socketscope.instrumentation.identity import Source
from socketscope.telemetry.cardinality import MOST_NAMES

MOST_TCP_USER_TIMEOUT = 86_400.0
"""Seconds; the system takes milliseconds in 32 bits."""
SHORTEST_SLOW_MESSAGE = 0.001
"""Seconds; of what takes less, only the sizes and durations are counted (`telemetry/record.py`: `WAITED`)."""

MessageSpans = Literal["notable", "all", "off"]
"""Which messages have a span: those that failed or were slow, all, none."""

MessageCarrier = Callable[[Mapping[str, Any]], Mapping[str, str] | None]
"""Finds the trace context in a message: takes the ASGI message (`text` or `bytes`) and gives a mapping of header names
(`traceparent`, ...) to values, as OpenTelemetry's propagators read it, or None."""

EXCLUDED_URLS = ("SOCKETSCOPE_EXCLUDED_URLS", "OTEL_PYTHON_SOCKETSCOPE_EXCLUDED_URLS", "OTEL_PYTHON_EXCLUDED_URLS")
"""The first one that is set stands; the others are OpenTelemetry's, for one instrumentation and for all."""


@dataclass(frozen=True, slots=True)
class Options:
    """How connections are watched.

    * `user_from`, `channel_from`: where the user and the channel of a connection stand in its request.
    * `user_key`: key of `user.hash`, the same on every replica; empty: a random one for this process.
    * `user_id`: put the user's identifier itself on events.
    * `segment`: longest segment of a connection's trace, in seconds; the first are shorter.
    * `message_spans`, `slow_message`: which messages have a span, and how long, in seconds, is slow.
    * `message_carrier`: finds the trace context that a received message carries; such a message has a span always,
      as a part of that trace.
    * `channel_limit`: how many channels have a name of their own on metrics.
    * `tcp_user_timeout`: seconds after which a client that acknowledges nothing is dropped (uvicorn); 0: the system's.
    * `excluded_urls`: connections whose path matches are not watched.
    """

    user_from: Source | None = None
    channel_from: Source | None = None
    user_key: bytes = field(default=b"", repr=False)
    user_id: bool = False
    segment: float = 300.0
    message_spans: MessageSpans = "notable"
    slow_message: float = 1.0
    message_carrier: MessageCarrier | None = None
    channel_limit: int = 100
    tcp_user_timeout: float = 0.0
    excluded_urls: re.Pattern[str] | None = None


def from_environment(environment: Mapping[str, str]) -> Options:
    """Read the options; raises `ConfigurationError` that names the variable, its value and what is expected."""
    return Options(
        user_from=_source(environment, "SOCKETSCOPE_USER_FROM"),
        channel_from=_source(environment, "SOCKETSCOPE_CHANNEL_FROM"),
        user_key=environment.get("SOCKETSCOPE_USER_KEY", "").encode(),
        user_id=_switch(environment, "SOCKETSCOPE_USER_ID"),
        segment=_number(environment, "SOCKETSCOPE_SEGMENT", 300.0, at_least=1.0),
        message_spans=_message_spans(environment, "SOCKETSCOPE_MESSAGE_SPANS"),
        slow_message=_number(environment, "SOCKETSCOPE_SLOW_MESSAGE", 1.0, at_least=SHORTEST_SLOW_MESSAGE),
        channel_limit=int(_number(environment, "SOCKETSCOPE_CHANNEL_LIMIT", 100, at_least=1, at_most=MOST_NAMES)),
        tcp_user_timeout=_number(
            environment, "SOCKETSCOPE_TCP_USER_TIMEOUT", 0.0, at_least=0.0, at_most=MOST_TCP_USER_TIMEOUT
        ),
        excluded_urls=_pattern(environment, *EXCLUDED_URLS),
    )


class _Asked(dict[str, str]):
    """An environment in which nothing is set, that keeps what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    @override
    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return default


def _variables() -> frozenset[str]:
    asked = _Asked()
    from_environment(asked)
    return frozenset(asked.names)


def _source(environment: Mapping[str, str], name: str) -> Source | None:
    text = environment.get(name, "").strip()
    if not text:
        return None
    source = Source.parse(text)
    if source is None:
        raise ConfigurationError(name, text, "path:NAME, query:NAME, header:NAME or scope:KEY")
    return source


def _switch(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name, "").strip().lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"", "0", "false", "no", "off"}:
        return False
    raise ConfigurationError(name, text, "1 or 0")


def _message_spans(environment: Mapping[str, str], name: str) -> MessageSpans:
    text = environment.get(name, "").strip().lower()
    for known in get_args(MessageSpans):
        if text == known:
            return cast("MessageSpans", known)
    if not text:
        return "notable"
    raise ConfigurationError(name, environment[name], "notable (a message that failed or was slow), all or off")


def _number(
    environment: Mapping[str, str], name: str, default: float, *, at_least: float, at_most: float = 1e9
) -> float:
    text = environment.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not at_least <= value <= at_most:
        raise ConfigurationError(name, text, f"a number between {at_least:g} and {at_most:g}")
    return value


def _pattern(environment: Mapping[str, str], *names: str) -> re.Pattern[str] | None:
    # The format of OTEL_PYTHON_EXCLUDED_URLS: regular expressions separated by commas, found anywhere in the path.
    name = next((name for name in names if environment.get(name, "").strip()), names[0])
    parts = [part.strip() for part in environment.get(name, "").split(",") if part.strip()]
    if not parts:
        return None
    try:
        return re.compile("|".join(f"(?:{part})" for part in parts))
    except re.error as error:
        raise ConfigurationError(
            name, environment[name], f"regular expressions separated by commas ({error})"
        ) from error


VARIABLES: Final = _variables()
"""The names of all variables that `from_environment` reads."""

"""A period's connections, from their events: what the report of a day is made of where a backend keeps events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from socketscope.errors import QueryError

LOOKBACK: Final = 3600.0
"""Seconds before a period in which connections that were open at its begin told of themselves; `SOCKETSCOPE_SEGMENT`
says how often they do, by default every five minutes."""

MOST_STRETCHES: Final = 11_000
"""Stretches that one account may be asked for."""

Users = Literal["known", "keys_differ", "unknown"]
"""Whether users can be counted: hashes made with different keys can't, nor can connections that tell no user."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Connections that ended with a code (None: there was none), by who ended them (empty: not known)."""

    code: int | None
    initiator: str
    connections: int


@dataclass(frozen=True, slots=True)
class InChannel:
    """Connections with an event in the period that were in a channel."""

    channel: str
    connections: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the period: connections that were opened, closed, lost (by the network), failed (handler raised).

    The traces are of one that was lost, and of one that failed.
    """

    since: float
    until: float
    opened: int
    closed: int
    lost: int
    failed: int
    lost_trace: str | None = None
    failed_trace: str | None = None


@dataclass(frozen=True, slots=True)
class Vanished:
    """Connections whose instance fell silent without a word of their end; `at`: its last report."""

    instance: str
    service: str
    at: float
    connections: int


@dataclass(frozen=True, slots=True)
class ConnectionLedger:
    """The connections of `[since, until)`, each counted once however often its events came.

    * `opened`, `closed` (and of these `lost`, `failed`): by the time of the event.
    * `open_at_end`: opened by then, whenever, and not closed, of instances whose last report stands at the end.
    * `peak`: the greatest number that was open at one moment.
    * durations in seconds, of the closed ones; None without any; quantiles are interpolated between two connections.
    * `unique_users`, `unique_channels`: of connections with an event in the period. `unique_users` is None where
      `users` says so.
    * `known_since`: no event is kept that is older.
    """

    opened: int
    closed: int
    lost: int
    failed: int
    open_at_end: int
    peak: int
    avg_duration: float | None
    median_duration: float | None
    p95_duration: float | None
    users: Users
    unique_users: int | None
    unique_channels: int
    known_since: float
    stretches: Sequence[Stretch] = ()
    closes: Sequence[Ended] = ()
    channels: Sequence[InChannel] = ()
    vanished: Sequence[Vanished] = field(default=())


def check(since: float, until: float, step: float, top: int) -> None:
    """Raise `QueryError` for what there can be no account of."""
    if not since < until or not step > 0:
        raise QueryError(
            f"since={since!r}, until={until!r}, step={step!r}: until > since and a step over 0 are expected"
        )
    if (until - since) / step > MOST_STRETCHES:
        raise QueryError(f"step={step!r}: more than {MOST_STRETCHES} stretches; ask with a longer step")
    if top < 1:
        raise QueryError(f"top={top!r}: one channel or more is expected")

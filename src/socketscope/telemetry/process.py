"""Everything that is counted and kept in one process."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from threading import Lock

from opentelemetry import metrics

from socketscope.telemetry import instruments
from socketscope.telemetry.accumulators import Accumulators
from socketscope.telemetry.clock import Clock
from socketscope.telemetry.live import ClosedRing, LiveTable
from socketscope.telemetry.record import ConnectionRecord
from socketscope.telemetry.sdk_present import sdk_present


class Telemetry:
    """Accumulators, the table of live connections and, where somebody asks for it, the ring of closed ones.

    `on` is false while there is neither an OpenTelemetry SDK nor a reader of our own: then nothing is measured, and
    a connection costs one look.
    """

    def __init__(self, *, clock: Clock | None = None, channel_limit: int = 100, route_limit: int = 100) -> None:
        self.clock = clock or Clock()
        self.accumulators = Accumulators(
            start_ns=self.clock.wall(), channel_limit=channel_limit, route_limit=route_limit
        )
        self.live = LiveTable()
        self.ring: ClosedRing | None = None
        """The ring, where somebody answers questions about single connections."""
        self.later: deque[Callable[[], object]] = deque()
        """What is to be noted before somebody reads, or the next connection begins, and can't be at once."""
        self._on = False
        self.measured_since = 0
        """When measuring began (wall clock, nanoseconds)."""
        self._instrumented = False
        self._provider: metrics.MeterProvider | None = None
        self._lock = Lock()
        self._asked: set[Hashable] = set()

    @property
    def on(self) -> bool:
        """Whether connections are to be measured."""
        if not self._on and sdk_present():
            self.switch_on()
        return self._on

    def switch_on(self, *, keep_closed: bool = False, provider: metrics.MeterProvider | None = None) -> None:
        """Measure from now on; `keep_closed` keeps a bounded 24 h ring of closed connections as well."""
        with self._lock:
            now = self.clock.wall()
            if not self._on:
                self._on, self.measured_since = True, now
            if keep_closed and self.ring is None:
                self.ring = ClosedRing(since_wall=now)
            if not self._instrumented:
                self._instrumented, self._provider = True, provider
                instruments.create(self, provider)

    def reach_readers(self) -> None:
        """Let the readers of the provider export our histograms, those too that were added since the last time."""
        provider = self._provider or metrics.get_meter_provider()
        if hasattr(provider, "_metric_readers"):  # OpenTelemetry's own SDK, and no other one
            from socketscope.telemetry.in_place import append_to_readers

            append_to_readers(provider, self)

    def limit_channels(self, limit: int) -> None:
        """Give at most `limit` channels a name of their own on metrics."""
        self.accumulators.channel_cap.limit = limit

    def catch_up(self) -> None:
        """Note what was put off."""
        while self.later:
            with suppress(IndexError):  # another thread was faster
                self.later.popleft()()

    def settled(self, asker: Hashable = None) -> Accumulators:
        """Give the accumulators once all that open connections did up to now is folded into them.

        Several that ask together, as the callbacks of one collection do, say who they are: what is settled for the
        first stands for the others, until one of them asks again.
        """
        if asker is None or asker in self._asked or not self._asked:
            self._asked = set()
            self.catch_up()
            for record in self.live.records():
                self.accumulators.fold(record)
        if asker is not None:
            self._asked.add(asker)
        return self.accumulators

    def opened(self, record: ConnectionRecord) -> None:
        """Count an accepted connection in, its handshake, and the channels that it joined during that."""
        accumulators = self.accumulators
        with accumulators.lock:
            self.live.add(record)
            accumulators.connections.answered(record.where, "accepted", 101, record.accepted_at - record.started_at)
            if record.channels:
                accumulators.entered(record.channels.values(), 1)

    def refused(self, record: ConnectionRecord, *, outcome: str, nanoseconds: int) -> None:
        """Count a handshake that came to nothing, after so many nanoseconds."""
        accumulators = self.accumulators
        with accumulators.lock:
            accumulators.connections.answered(record.where, outcome, record.status, nanoseconds)

    def ended(self, record: ConnectionRecord, *, now_wall: int, duration: float) -> None:
        """Count a connection out; `duration` in seconds."""
        accumulators = self.accumulators
        accumulators.fold(record)
        with accumulators.lock:
            was_open = self.live.remove(record)
            if was_open and record.channels:
                accumulators.entered(record.channels.values(), -1)
            accumulators.connections.ended(
                record.where, record.code or 0, record.initiator, record.error_type, duration, was_open=was_open
            )
        if self.ring is not None:
            self.ring.add(record, now_wall=now_wall, duration=duration)

    def reset(self) -> None:
        """Begin at zero: in a forked child the parent's counts and connections are not its own."""
        before = self.accumulators
        self.accumulators = Accumulators(
            start_ns=self.clock.wall(), channel_limit=before.channel_cap.limit, route_limit=before.route_cap.limit
        )
        self.live = LiveTable()
        self.ring = ClosedRing(since_wall=self.clock.wall()) if self.ring is not None else None
        self.later.clear()
        self._lock = Lock()
        self._asked = set()


_process = Telemetry()


def process_telemetry() -> Telemetry:
    """Give the telemetry of this process."""
    return _process


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.reset)

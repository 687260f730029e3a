"""The two clocks of a measurement, replaceable in tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple


class Clock(NamedTuple):
    """`monotonic` for durations, `wall` (since the epoch) for timestamps; both in nanoseconds."""

    monotonic: Callable[[], int] = time.monotonic_ns
    wall: Callable[[], int] = time.time_ns

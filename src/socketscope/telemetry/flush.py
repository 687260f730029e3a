"""Exporting what the SDK still holds before the process ends."""

from __future__ import annotations

import asyncio
import atexit
import logging
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.util import Finalize
from threading import Thread

from opentelemetry import _logs, metrics, trace

_logger = logging.getLogger(__name__)

TIMEOUT = 5.0
"""Seconds that a shutdown may be held up: the SDK itself takes 30 and more against a collector that is gone."""


def flush(timeout: float = TIMEOUT) -> bool:
    """Export what the three global providers still hold; blocks for `timeout` seconds at most, never raises.

    Returns whether all of it was done. Does nothing without an SDK.
    """
    deadline = time.monotonic() + timeout
    failed: list[str] = []
    threads = []
    for provider in (trace.get_tracer_provider(), _logs.get_logger_provider(), metrics.get_meter_provider()):
        force_flush = getattr(provider, "force_flush", None)
        if force_flush is not None:
            # A thread each, and a daemon: the SDK's batch processors do not keep to the time that they are given.
            threads.append(Thread(target=_flush_one, args=(force_flush, timeout, failed), daemon=True))
            threads[-1].start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = sum(thread.is_alive() for thread in threads)
    if late or failed:
        _logger.warning(
            "the last telemetry was not all exported: %s", ", ".join(failed) or f"no answer in {timeout:g} s"
        )
    return not late and not failed


async def flush_in_thread() -> None:
    """Flush without holding up the event loop; under another library than asyncio it is held up."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        flush()
    else:
        await asyncio.to_thread(flush)


def at_the_end(finish: Callable[[], object]) -> None:
    """Run `finish` and flush when this process ends.

    A process that multiprocessing started runs no exit handlers but multiprocessing's own.
    """

    def end() -> None:
        finish()
        flush()

    if multiprocessing.parent_process() is None:
        atexit.register(end)
    else:
        Finalize(None, end, exitpriority=0)


def _flush_one(force_flush: Callable[[int], object], timeout: float, failed: list[str]) -> None:
    try:
        force_flush(int(timeout * 1000))
    except Exception as error:  # whatever a provider raises, the service goes on to stop
        _logger.debug("a provider did not flush", exc_info=True)
        failed.append(repr(error))

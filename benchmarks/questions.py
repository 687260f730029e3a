"""How fast the overview is answered over a day of 10-second data for 1,000 series (8.6 million points).

The day comes in through the store's own way, as it would have come, with roll-ups made on the way. Then each of the
questions of the console's overview is asked several times: all numbers of the moment, the chart over 24 hours, and
panels over 24 hours at 60 moments.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from load import Fleet as Senders
from rounds import Spread, surroundings, write

from socketscope import semconv
from socketscope.backends.embedded import EmbeddedBackend
from socketscope.console.fleet import Fleet
from socketscope.console.history import read_history, step_for
from socketscope.console.options import ConsoleOptions
from socketscope.query.model import OverTime, Query, Ratio
from socketscope.store.ingest import SIGNALS, submit
from socketscope.store.store import Store

DAY: Final = 86_400
INTERVAL: Final = 10
STEP: Final = DAY / 60
EXPORTS_PER_REQUEST: Final = 30
BAR_SECONDS: Final = 1.0

Questions = Mapping[str, Callable[[], Awaitable[Any]]]


def fill(file: Path, *, instances: int, end: int) -> float:
    """Take in a day that ends at `end` (epoch seconds); gives the seconds that it took."""
    clock = [(end - DAY - 1) * 10**9]
    store = Store.open(file, clock=lambda: clock[0])
    senders = Senders((f"i{index}" for index in range(instances)), (end - DAY) * 10**9)
    took = 0.0
    for begin in range(end - DAY, end, INTERVAL * EXPORTS_PER_REQUEST):
        times = range(begin + INTERVAL, begin + INTERVAL * (EXPORTS_PER_REQUEST + 1), INTERVAL)
        bodies = [senders.metrics(at * 10**9) for at in times]
        clock[0] = times[-1] * 10**9
        started = time.perf_counter()
        for committed in [submit(store, SIGNALS[0], body)[1] for body in bodies]:
            committed.result()
        took += time.perf_counter() - started
        if sys.stderr.isatty():
            print(f"\r{100 * (begin - end + DAY) // DAY} %", end="", file=sys.stderr, flush=True)
    store.close()
    return took


def overview(backend: EmbeddedBackend, at: float) -> Questions:
    """Everything that the overview asks."""
    fleet = Fleet(backend, backend, ConsoleOptions())

    def panel(metric: semconv.Metric, over_time: OverTime, *by: semconv.Attribute) -> Callable[[], Awaitable[Any]]:
        query = Query(metric.name, over_time=over_time, window=STEP, by=tuple(attribute.name for attribute in by))
        return lambda: backend.range(query, start=end - DAY + STEP, end=end, step=STEP)

    end = at - at % STEP
    ratio = Ratio(
        Query(semconv.ERRORS_TOTAL.name, over_time="increase", window=STEP),
        Query(semconv.MESSAGES.name, over_time="increase", window=STEP),
    )
    total = Query(semconv.MESSAGES.name, over_time="increase", window=DAY, by=(semconv.DIRECTION.name,))
    return {
        "/metrics": lambda: fleet.read(at=at),
        "/history, 24 h": lambda: read_history(backend, at=at, seconds=DAY, step=step_for(DAY), stale_after=30),
        "messages by direction": panel(semconv.MESSAGES, "rate", semconv.DIRECTION),
        "messages by route": panel(semconv.MESSAGES, "rate", semconv.HTTP_ROUTE),
        "messages by instance": panel(semconv.MESSAGES, "rate", semconv.Attribute("service.instance.id", "")),
        "bytes by direction": panel(semconv.IO, "rate", semconv.DIRECTION),
        "handshakes by outcome": panel(semconv.HANDSHAKES, "increase", semconv.HANDSHAKE_OUTCOME),
        "errors by type": panel(semconv.ERRORS_TOTAL, "increase", semconv.ERROR_TYPE),
        "errors per message": lambda: backend.range(ratio, start=end - DAY + STEP, end=end, step=STEP),
        "connections by route": panel(semconv.ACTIVE_CONNECTIONS, "last", semconv.HTTP_ROUTE),
        "most connections by route": panel(semconv.ACTIVE_CONNECTIONS, "max", semconv.HTTP_ROUTE),
        "handling p50": panel(semconv.HANDLING_DURATION, "p50"),
        "handling p95 by route": panel(semconv.HANDLING_DURATION, "p95", semconv.HTTP_ROUTE),
        "connection duration p90": panel(semconv.CONNECTION_DURATION, "p90"),
        "threads": panel(semconv.PROCESS_THREADS, "avg"),
        "memory by state": panel(semconv.SYSTEM_MEMORY, "avg", semconv.Attribute("state", "")),
        "messages of the day": lambda: backend.instant(total, at=at),
    }


async def ask(questions: Questions, times: int) -> dict[str, Spread]:
    """Ask everything `times` times in turn, after one round that is thrown away; milliseconds."""
    found: dict[str, list[float]] = {name: [] for name in questions}
    for number in range(times + 1):
        for name, question in questions.items():
            started = time.perf_counter()
            await question()
            if number:
                found[name].append(1000 * (time.perf_counter() - started))
    return {name: Spread(min(took), statistics.median(took), max(took)) for name, took in found.items()}


def main() -> None:
    """Run, print, and fail where the bar is missed."""
    parser = ArgumentParser(prog="scripts/bench questions", description=__doc__)
    parser.add_argument("--instances", type=int, default=20, help=f"processes, each with {Senders.SERIES} series")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--file", type=Path, help="keep the day in this file, and take it from there next time")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    where = surroundings("duckdb")
    print("  ".join(f"{name} {value}" for name, value in where.items()))
    with tempfile.TemporaryDirectory() as folder:
        file = options.file or Path(folder) / "socketscope.duckdb"
        end = int(time.time())
        taken_in = None if file.exists() else fill(file, instances=options.instances, end=end)
        opened = time.perf_counter()
        store = Store.open(file)
        opened = time.perf_counter() - opened
        [(points, newest)] = store.select(
            "SELECT count(*), max(time_ns) FROM (SELECT time_ns FROM number_points UNION ALL"
            " SELECT time_ns FROM histogram_points)"
        )
        figures = asyncio.run(ask(overview(EmbeddedBackend(store), newest / 1e9), options.rounds))
        store.close()
        size = file.stat().st_size
    rate = "" if taken_in is None else f", taken in at {points / taken_in:,.0f} points/s"
    print(f"{points:,} points in {size / 2**20:,.0f} MiB{rate}; opened in {opened:.2f} s")
    for name, spread in figures.items():
        print(f"{name:<28} median {spread.median:7.1f} ms  best {spread.best:7.1f}  worst {spread.worst:7.1f}")
    whole = sum(spread.median for spread in figures.values()) / 1000
    verdict = "pass" if whole < BAR_SECONDS else "MISS"
    print(f"{'all of it, one by one':<28} {whole:.3f} s   bar {BAR_SECONDS} s: {verdict}")
    write(
        options.json,
        "questions",
        {"surroundings": where, "bar_seconds": BAR_SECONDS, "seconds": whole, "points": points, "figures": figures},
    )
    sys.exit(whole >= BAR_SECONDS)


if __name__ == "__main__":
    main()

"""What an export costs: CPU time and the event loop's lag while it runs, at so many attribute sets.

A process of its own for each number of sets and way of export; the real OTLP exporter sends to a sink in another
process. An attribute set is one of one metric: one point that is exported. A place (route and port) with messages
both ways, handlings and closed connections, as a service of echoes has it, makes twelve of them. Export follows on
export, so that the loop is watched in its worst moments only. Beside it: the same loop with nothing exported, and
with a thread of plain Python that never waits, since the interpreter hands its lock over only every 5 ms
(`sys.getswitchinterval`). Lag is how late a timer of 2 ms comes.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from rounds import Spread, Verdict, at_most, pronounce, spread, surroundings, write
from watchers import SINK, providers

SETS: Final = (10, 1000, 10_000)
BAR_SETS: Final = 1000
BAR_LAG: Final = 12.0
TICK: Final = 0.002
SINK_PROGRAM: Final = "import sink, time; s = sink.Sink().__enter__(); print(s.url, flush=True); time.sleep(9e9)"
OF_A_PLACE: Final = 12
PERMILLE: Final = 0.999
BESIDE: Final = ("nothing", "a thread of plain Python")


def filled(sets: int) -> Any:
    """Give telemetry that exports so many attribute sets, of places that have had connections with messages."""
    from socketscope.telemetry.process import Telemetry

    telemetry = Telemetry(route_limit=sets)
    accumulators = telemetry.accumulators
    for number in range(max(1, round(sets / OF_A_PLACE))):
        where = accumulators.where(f"/ws/{number}", 8000)
        traffic = accumulators.traffic(where)
        for flow in (traffic.receive, traffic.transmit):
            for size in (60, 64, 900):
                flow.bytes += flow.count_apart("x" * size)
        traffic.handling.record(80_000)
        traffic.first_message.record(300_000)
        accumulators.connections.answered(where, "accepted", 101, 500_000)
        accumulators.connections.ended(where, 1000, "client", "", 12.5, was_open=False)
    return telemetry


def exporting(sets: int) -> Callable[[], object]:
    """Give what exports everything once."""
    telemetry = filled(sets)
    meters = providers(telemetry)["meter_provider"]
    telemetry.switch_on(provider=meters)
    return lambda: meters.force_flush(timeout_millis=120_000)


def work(beside: str, seconds: float) -> None:
    """Be a process that watches its loop while something runs beside it, and print the figures."""
    done = threading.Event()
    exports: list[float] = []
    if beside == "nothing":
        run: Callable[[], object] = done.wait
    elif beside == "a thread of plain Python":
        run = lambda: sum(range(10_000))  # noqa: E731
    else:
        run = exporting(int(beside))

    def repeat() -> None:
        while not done.is_set():
            before = time.thread_time()
            run()
            exports.append(time.thread_time() - before)

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        lags: list[float] = []
        end = loop.time() + seconds
        while (begun := loop.time()) < end or not exports:
            await asyncio.sleep(TICK)
            lags.append((loop.time() - begun - TICK) * 1000)
        done.set()
        return sorted(lags)

    if beside in BESIDE:
        exports.append(0.0)
    else:
        run()  # what is made once
    threading.Thread(target=repeat, daemon=True).start()
    lags = asyncio.run(main())
    print(json.dumps([min(exports) * 1000, lags[int(len(lags) * PERMILLE)], lags[-1]]), flush=True)
    os._exit(0)


def main() -> None:
    """Run, print, and fail where a bar is missed."""
    parser = ArgumentParser(prog="scripts/bench export", description=__doc__)
    parser.add_argument("--work", help="be a process with this beside its loop")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.seconds)
        return
    where = surroundings("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http") | {
        "switch interval (s)": sys.getswitchinterval()
    }
    print("  ".join(f"{name} {value}" for name, value in where.items()))
    subjects = (*BESIDE, *map(str, SETS))
    found: dict[str, list[list[float]]] = {subject: [] for subject in subjects}
    with subprocess.Popen(
        [sys.executable, "-c", SINK_PROGRAM],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent,
    ) as sink:
        try:
            url = sink.stdout.readline().strip() if sink.stdout is not None else ""
            for number in range(options.rounds):
                for subject in subjects if number % 2 else reversed(subjects):
                    found[subject].append(_measured(subject, url, options.seconds))
        finally:
            sink.kill()
    figures = {
        subject: {
            name: spread([values[index] for values in rounds])
            for index, name in enumerate(("export_ms", "lag_p99.9_ms", "lag_max_ms"))
        }
        for subject, rounds in found.items()
    }
    print("\nbeside the loop                CPU of an export    lag, 99.9th percentile (median, worst)   longest")
    for subject, values in figures.items():
        lag = values["lag_p99.9_ms"]
        name = f"exports of {int(subject):,} sets" if subject.isdigit() else subject
        cost = f"{values['export_ms'].best:10.1f} ms" if subject.isdigit() else " " * 13
        print(
            f"{name:<28}{cost}   {lag.best:12.2f} ms ({lag.median:.2f}, {lag.worst:.2f})"
            f"  {values['lag_max_ms'].best:14.2f} ms"
        )
    verdicts = judged(figures)
    passed = pronounce(verdicts)
    write(options.json, "export", {"surroundings": where, "figures": figures, "verdicts": verdicts})
    sys.exit(not passed)


def _measured(subject: str, url: str, seconds: float) -> list[float]:
    done = subprocess.run(
        [sys.executable, __file__, "--work", subject, "--seconds", str(seconds)],
        env={**os.environ, SINK: url},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return list(json.loads(done.stdout))


def judged(figures: Mapping[str, Mapping[str, Spread]]) -> list[Verdict]:
    """Hold the lag against the bar."""
    lag = figures[str(BAR_SETS)]["lag_p99.9_ms"].best
    return [at_most(f"lag while {BAR_SETS:,} sets are exported, 99.9th percentile, ms", lag, BAR_LAG, ".2f")]


if __name__ == "__main__":
    main()

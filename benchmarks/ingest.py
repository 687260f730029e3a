"""How fast OTLP is taken over gRPC: the embedded backend, beside the real Collector's debug exporter.

Both run as programs of their own and get the very same requests, encoded before the clock starts, from this process:
four senders, each with one request under way, as four Collectors would. The embedded backend answers once a request
is committed to its file. Afterwards the file is asked whether everything is there.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from load import Fleet
from rounds import Spread, interleaved, surroundings, write

from socketscope.demo.stack import collector
from socketscope.demo.stack.options import HOST, free_port
from socketscope.demo.stack.process import Process, Program
from socketscope.demo.stack.programs import surroundings as environment
from socketscope.store.store import Store

SENDERS: Final = 4
INSTANCES: Final = 40
"""Processes behind each sender."""
METRICS: Final = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
TRACES: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
BARS: Final = {"metric points/s": 50_000, "spans/s": 10_000}
DEBUG: Final = """
receivers: {otlp: {protocols: {grpc: {endpoint: "%s:%d", max_recv_msg_size_mib: 64}}}}
exporters: {debug: {verbosity: basic}}
service:
  telemetry: {metrics: {level: none}, logs: {level: warn}}
  pipelines:
    metrics: {receivers: [otlp], exporters: [debug]}
    traces: {receivers: [otlp], exporters: [debug]}
"""


@dataclass(frozen=True, slots=True)
class Load:
    """Encoded requests for one round, by sender, and how many points or spans are in them."""

    method: str
    requests: Sequence[Sequence[bytes]]
    items: int


def encode(kind: str, requests: int, rounds: int) -> list[Load]:
    """Encode what is sent in each round: of each sender so many requests, at times from now on."""
    now = time.time_ns()
    senders = [
        Fleet((f"i{sender * INSTANCES + index}" for index in range(INSTANCES)), now) for sender in range(SENDERS)
    ]
    loads = []
    for number in range(rounds):
        times = [now + (number * requests + index) * 10**7 for index in range(requests)]
        if kind == "metric points/s":
            made = [[sender.metrics(at) for at in times] for sender in senders]
            loads.append(Load(METRICS, made, SENDERS * requests * INSTANCES * Fleet.SERIES))
        else:
            each = 13  # about the 512 spans that an SDK sends at once
            made = [[sender.spans(each, at) for at in times] for sender in senders]
            loads.append(Load(TRACES, made, SENDERS * requests * INSTANCES * each))
    return loads


def send(port: int, load: Load) -> float:
    """Send all requests; gives items per second."""

    def one(requests: Sequence[bytes]) -> None:
        with grpc.insecure_channel(f"{HOST}:{port}", options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            export = channel.unary_unary(load.method)
            for request in requests:
                export(request, timeout=60, wait_for_ready=True)

    started = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(one, load.requests))
    return load.items / (time.perf_counter() - started)


@contextlib.contextmanager
def receivers(directory: Path) -> Iterator[tuple[int, int | None]]:
    """Run both; gives the ports of the embedded backend and of the Collector (None where it is not to be had)."""
    ports = [free_port() for _ in range(4)]
    programs = [
        Program(
            "console",
            [
                *(sys.executable, "-m", "socketscope", "serve", "--port", str(ports[0])),
                *("--otlp-grpc-port", str(ports[1]), "--otlp-http-port", str(ports[2])),
                *("--data", str(directory / "data")),
            ],
        )
    ]
    if otelcol := collector.find(os.environ):
        config = directory / "debug.yaml"
        config.write_text(DEBUG % (HOST, ports[3]))
        programs.append(Program("collector", [str(otelcol), "--config", str(config)]))
    running = [Process(program, directory=directory, environment=environment(os.environ)) for program in programs]
    try:
        for port in ports[1:2] + (ports[3:] if otelcol else []):
            with grpc.insecure_channel(f"{HOST}:{port}") as channel:
                grpc.channel_ready_future(channel).result(timeout=30)
        yield ports[1], ports[3] if otelcol else None
    finally:
        for process in running:
            process.stop(grace=60)


def measure(requests: int, rounds: int) -> dict[str, Any]:
    """Measure both kinds; gives the figures by kind and receiver, and what was found in the file."""
    figures: dict[str, dict[str, Spread]] = {}
    sent = dict.fromkeys(BARS, 0)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        with receivers(directory) as (ours, theirs):
            for kind in BARS:
                loads = encode(kind, requests, rounds + 1)
                sent[kind] = sum(load.items for load in loads)
                subjects = {"embedded backend": lambda number, loads=loads: send(ours, loads[number])}
                if theirs:
                    subjects["Collector, debug exporter"] = lambda number, loads=loads: send(theirs, loads[number])
                figures[kind] = interleaved(subjects, rounds=rounds, greater_is_better=True)
        store = Store.open(directory / "data" / "socketscope.duckdb")
        [(points, spans)] = store.select(
            "SELECT (SELECT count(*) FROM number_points) + (SELECT count(*) FROM histogram_points),"
            " (SELECT count(*) FROM spans)"
        )
        store.close()
    found = dict(zip(BARS, (points, spans), strict=True))
    return {"figures": figures, "sent": sent, "found": found}


def main() -> None:
    """Run, print, and fail where a bar is missed."""
    parser = ArgumentParser(prog="scripts/bench ingest", description=__doc__)
    parser.add_argument("--requests", type=int, default=12, help="requests of each sender in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = measure(options.requests, options.rounds)
    where = surroundings("duckdb", "grpcio", "protobuf")
    otelcol = collector.find(os.environ)
    where["otelcol"] = collector.version(otelcol) if otelcol else "not to be had"
    print("  ".join(f"{name} {value}" for name, value in where.items()))
    missed = False
    for kind, bar in BARS.items():
        complete = result["sent"][kind] == result["found"][kind]
        missed |= not complete
        for name, spread in result["figures"][kind].items():
            ratio = spread.median / result["figures"][kind]["embedded backend"].median
            print(
                f"{kind:<16} {name:<26} median {spread.median:>9,.0f}  best {spread.best:>9,.0f}"
                f"  worst {spread.worst:>9,.0f}  spread {spread.percent:3.0f} %  {ratio:5.2f} x ours"
            )
        ours = result["figures"][kind]["embedded backend"].median
        missed |= ours < bar
        print(
            f"{kind:<16} bar {bar:,}: {'pass' if ours >= bar else 'MISS'}; sent {result['sent'][kind]:,},"
            f" found {result['found'][kind]:,}: {'all there' if complete else 'NOT ALL THERE'}"
        )
    write(options.json, "ingest", {"surroundings": where, "bars": BARS, **result})
    sys.exit(missed)


if __name__ == "__main__":
    main()

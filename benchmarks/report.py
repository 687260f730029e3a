"""How long the report of a day takes, and how much memory, where the embedded store holds 1,000,000 connections of it.

The day comes in through the store's own way: the events of every connection, and metrics of 20 processes every minute.
Then a process of its own opens the store, makes the report and writes it in every form: seconds of all that, and the
greatest resident set of that process.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import math
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from load import ROUTES, SCOPE, pairs
from load import Fleet as Senders
from load import resource as resource_of
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from rounds import Spread, surroundings, write

from socketscope import semconv
from socketscope.backends.embedded import EmbeddedBackend
from socketscope.reports import period as days
from socketscope.reports.collect import collect
from socketscope.reports.form.compose import Edition
from socketscope.reports.form.forms import Forms
from socketscope.reports.options import ReportOptions
from socketscope.store.ingest import SIGNALS, submit
from socketscope.store.store import Store

METRICS, _, LOGS = SIGNALS
DAY: Final = 86_400
INTERVAL: Final = 60
SEGMENT: Final = 300
ZONE: Final = "UTC"
THE_DAY: Final = date(2026, 11, 3)
BAR_SECONDS: Final = 10.0
BAR_BYTES: Final = 1 << 30
_MOST_RECORDS: Final = 2000

ENDS: Final = (
    (1000, "client", 70),
    (1001, "client", 15),
    (1005, "network", 10),
    (1000, "server", 4),
    (1012, "shutdown", 1),
)
"""Close code, initiator, and how many of a hundred connections end so."""


class Happening(NamedTuple):
    """One event of a connection, in the order of time."""

    at: float
    number: int
    name: str
    opened: float
    duration: float


def happenings(connections: int, begin: float, rng: random.Random) -> Iterator[Happening]:
    """Yield the events of a day: more connections by day than by night, lives of a minute or two, some of hours."""
    # Arrival times by thinning the curve of a day; sorted, so that few connections are held at a time.
    weights = [1.1 - math.cos(2 * math.pi * minute / 1440) for minute in range(1440)]
    minutes = sorted(rng.choices(range(1440), weights, k=connections))
    waiting: list[Happening] = []
    for number, minute in enumerate(minutes):
        opened = begin + 60 * (minute + (number % 997) / 997)
        while waiting and waiting[0].at <= opened:
            yield heapq.heappop(waiting)
        yield Happening(opened, number, semconv.OPENED.name, opened, 0.0)
        duration = rng.lognormvariate(4.6, 1.2)
        ends = opened + duration
        progress = opened + SEGMENT
        while progress < min(ends, begin + DAY):
            heapq.heappush(waiting, Happening(progress, number, semconv.PROGRESS.name, opened, progress - opened))
            progress += SEGMENT
        if ends < begin + DAY:
            heapq.heappush(waiting, Happening(ends, number, semconv.CLOSED.name, opened, duration))
    while waiting:
        yield heapq.heappop(waiting)


class Events:
    """Encodes events as the SDK of each process does; what all have in common is encoded once."""

    def __init__(self, instances: list[str], rng: random.Random) -> None:
        self._rng = rng
        self._common = {
            (route, name): LogRecord(
                severity_number=9,
                severity_text="INFO",
                event_name=name,
                attributes=pairs(
                    http__route=route,
                    server__port=8000,
                    network__protocol__name="websocket",
                    client__address="192.0.2.0",
                    user_agent__original="Mozilla/5.0 (X11; Linux x86_64)",
                    socketscope__user_key__id="0123456789abcdef",
                ),
            ).SerializeToString()
            for route in ROUTES
            for name in (semconv.OPENED.name, semconv.PROGRESS.name, semconv.CLOSED.name)
        }
        self._ends = [
            pairs(websocket__close__code=code, websocket__close__initiator=initiator)
            for code, initiator, of_hundred in ENDS
            for _ in range(of_hundred)
        ]
        self._waiting: dict[str, list[LogRecord]] = {name: [] for name in instances}
        self._resources = {name: resource_of(name) for name in instances}
        self.opened = dict.fromkeys(instances, 0)

    def add(self, happening: Happening, instance: str) -> None:
        """Take an event."""
        number, name = happening.number, happening.name
        record = LogRecord.FromString(self._common[ROUTES[number % 3], name])
        record.time_unix_nano = int(happening.at * 1e9)
        record.trace_id = number.to_bytes(16)
        messages = int(happening.duration / 4)
        attributes: dict[str, Any] = {
            semconv.CONNECTION_ID.name: f"{number:016x}",
            semconv.USER_HASH.name: f"{number * 7919 % 300_000:016x}",
            semconv.CHANNELS.name: f"room-{int(self._zipf(number))}",
            semconv.DURATION.name: happening.duration,
            semconv.MESSAGES_RECEIVED.name: messages,
            semconv.MESSAGES_SENT.name: messages * 3,
            semconv.BYTES_RECEIVED.name: messages * 64,
            semconv.BYTES_SENT.name: messages * 640,
        }
        record.attributes.extend(pairs(**attributes))
        if name == semconv.CLOSED.name:
            record.attributes.extend(self._ends[number % 100])
        self.opened[instance] += name == semconv.OPENED.name
        self._waiting[instance].append(record)

    def requests(self, least: int) -> Iterator[bytes]:
        """Encode what has been taken of processes with at least so many events."""
        for name, records in self._waiting.items():
            if len(records) >= least:
                scope_logs = [ScopeLogs(scope=SCOPE, log_records=records)]
                of_process = ResourceLogs(resource=self._resources[name], scope_logs=scope_logs)
                yield ExportLogsServiceRequest(resource_logs=[of_process]).SerializeToString()
                records.clear()

    @staticmethod
    def _zipf(number: int) -> float:
        # A few large rooms, and thousands of small ones.
        return 5000 ** ((number * 2654435761 % 2**32) / 2**32)


class Processes(Senders):
    """The same processes' metrics, whose count of handshakes is that of the events."""

    def __init__(self, names: list[str], start_ns: int) -> None:
        super().__init__(names, start_ns)
        self._accepted = [
            metric.sum.data_points
            for of in self._request.resource_metrics
            for metric in of.scope_metrics[0].metrics
            if metric.name == semconv.HANDSHAKES.name
        ]

    def counted(self, time_ns: int, opened: dict[str, int]) -> bytes:
        """Encode the next export."""
        self.metrics(time_ns)
        for points, name in zip(self._accepted, self.names, strict=True):
            for index, point in enumerate(points):
                point.as_int = 0 if index else opened[name]
        return self._request.SerializeToString()


def fill(file: Path, *, connections: int, instances: int, day: date) -> None:
    """Take in a day."""
    rng = random.Random(1)  # noqa: S311  # a load, no secret
    begin = int(datetime.combine(day, datetime.min.time(), UTC).timestamp())
    names = [f"i{index}" for index in range(instances)]
    clock = [(begin - 1) * 10**9]
    store = Store.open(file, clock=lambda: clock[0])
    events, processes = Events(names, rng), Processes(names, begin * 10**9)
    queued = []
    due = begin + INTERVAL
    for happening in happenings(connections, begin, rng):
        while happening.at > due:
            queued += [submit(store, METRICS, processes.counted(due * 10**9, events.opened))[1]]
            queued += [submit(store, LOGS, body)[1] for body in events.requests(_MOST_RECORDS)]
            clock[0] = due * 10**9
            due += INTERVAL
            if len(queued) >= 30:
                while queued:
                    queued.pop().result()
                if sys.stderr.isatty():
                    print(f"\r{100 * (due - begin) // DAY} %", end="", file=sys.stderr, flush=True)
        events.add(happening, names[happening.number % instances])
    while due <= begin + DAY + INTERVAL:
        queued.append(submit(store, METRICS, processes.counted(due * 10**9, events.opened))[1])
        due += INTERVAL
    queued += [submit(store, LOGS, body)[1] for body in events.requests(1)]
    clock[0] = (begin + DAY + 2 * 3600) * 10**9
    for committed in queued:
        committed.result()
    store.settle(clock[0])
    store.close()


class Made(NamedTuple):
    """Of one report: seconds, the process's greatest resident set in bytes, and what it says of the connections."""

    seconds: float
    bytes: int
    certainty: str
    figures: dict[str, Any]


def make(file: Path, day: date) -> Made:
    """Make the report of the day from the store at `file`, as it would be made two hours after midnight."""
    period = days.day(day, ZONE)
    now = period.until + 2 * 3600
    started = time.perf_counter()
    store = Store.open(file, clock=lambda: round(now) * 10**9)
    backend = EmbeddedBackend(store)
    report = asyncio.run(
        collect(period, backend, backend, backend="embedded", now=now, options=ReportOptions(zone=ZONE))
    )
    forms = Forms(report, Edition())
    forms.kept()
    forms.document()
    seconds = time.perf_counter() - started
    store.close()
    summary = report.summary
    told = {
        "opened": summary.total_connections.value,
        "users": summary.unique_users.value,
        "channels": summary.unique_channels.value,
        "peak": summary.peak_connections.value,
        "median of the durations": summary.median_connection_duration.value,
    }
    greatest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Made(seconds, greatest, summary.total_connections.certainty, told)


def apart(part: str, options: Namespace, file: Path) -> str:
    """Run a part in a process of its own, so that of one's memory nothing is left in the next; gives what it prints."""
    sizes = [f"--connections={options.connections}", f"--instances={options.instances}"]
    command = [sys.executable, __file__, f"--file={file}", f"--part={part}", *sizes]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Run, print, and fail where a bar is missed."""
    parser = ArgumentParser(prog="scripts/bench report", description=__doc__)
    parser.add_argument("--connections", type=int, default=1_000_000)
    parser.add_argument("--instances", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3, help="reports that are made, each by a process of its own")
    parser.add_argument("--file", type=Path, help="keep the day in this file, and take it from there next time")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--part", choices=["fill", "make"], help=SUPPRESS)
    options = parser.parse_args()
    if options.part == "fill":
        fill(options.file, connections=options.connections, instances=options.instances, day=THE_DAY)
    elif options.part == "make":
        print(json.dumps(make(options.file, THE_DAY)))
    else:
        measure(options)


def measure(options: Namespace) -> None:
    """Take the day in, make its report several times, and compare with the bars."""
    where = surroundings("duckdb")
    print("  ".join(f"{name} {value}" for name, value in where.items()))
    with tempfile.TemporaryDirectory() as folder:
        file = options.file or Path(folder) / "socketscope.duckdb"
        if not file.exists():
            started = time.perf_counter()
            apart("fill", options, file)
            print(f"{options.connections:,} connections taken in within {time.perf_counter() - started:.0f} s")
        made = [Made(*json.loads(apart("make", options, file))) for _ in range(options.rounds)]
        size = file.stat().st_size
    print(f"{size / 2**20:,.0f} MiB in the file; {made[0].figures}")
    seconds = Spread(*(choose(one.seconds for one in made) for choose in (min, statistics.median, max)))
    memory = max(one.bytes for one in made)
    whole = all(one.figures["opened"] == options.connections and one.certainty == "exact" for one in made)
    rows = (
        ("report of the day", f"{seconds.median:.2f} s (best {seconds.best:.2f}, worst {seconds.worst:.2f})",
         f"< {BAR_SECONDS:g} s", seconds.median < BAR_SECONDS),
        ("greatest resident set", f"{memory / 2**20:,.0f} MiB", f"< {BAR_BYTES >> 20:,} MiB", memory < BAR_BYTES),
        ("connections in the report", f"{made[0].figures['opened']:,}", f"{options.connections:,}, exact", whole),
    )  # fmt: skip
    for name, value, bar, passed in rows:
        print(f"{name:<28} {value:<44} bar {bar}: {'pass' if passed else 'MISS'}")
    write(
        options.json,
        "report",
        {
            "surroundings": where,
            "connections": options.connections,
            "seconds": seconds,
            "bar_seconds": BAR_SECONDS,
            "bytes": memory,
            "bar_bytes": BAR_BYTES,
            "exact": whole,
        },
    )
    sys.exit(not all(passed for *_, passed in rows))


if __name__ == "__main__":
    main()

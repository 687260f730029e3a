"""How fast 1,000 rules are evaluated over a day of 10-second data for 1,000 series, beside the real Prometheus.

The same day goes into the embedded backend and into Prometheus, request by request. Then every rule is evaluated once
at the end of the day, asked as the alert service asks (`alerts/questions.py`), and their states computed; for
comparison they are asked one by one too, several at a time. Prometheus evaluates the exported rules by itself, one
after the other, and tells how long that took. The rules ask all kinds of metrics over windows from a minute to the
whole day; no two are the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from load import Fleet
from rounds import Spread, surroundings, write

from socketscope import semconv
from socketscope.alerts.options import AlertOptions
from socketscope.alerts.questions import Questions
from socketscope.backends.embedded import EmbeddedBackend
from socketscope.demo.stack import destinations
from socketscope.demo.stack.http import Unreachable, get
from socketscope.demo.stack.options import HOST, free_port
from socketscope.demo.stack.process import Process, Program
from socketscope.demo.stack.programs import surroundings as environment
from socketscope.errors import ConfigurationError
from socketscope.query.model import Query, Ratio
from socketscope.query.naming import INSTANCE_ID, Naming
from socketscope.rules.evaluate import evaluate
from socketscope.rules.export import prometheus
from socketscope.rules.model import Rule
from socketscope.rules.observe import observe
from socketscope.rules.replay import replay
from socketscope.rules.state import RuleState
from socketscope.store.ingest import SIGNALS, submit
from socketscope.store.store import Store

HOUR: Final = 3600
OFFSET: Final = 1800.0
"""Seconds that a comparison lies in the past."""
INTERVAL: Final = 10
EXPORTS_AT_ONCE: Final = 30
BAR_SECONDS: Final = 10.0
REPLAYED: Final = 20
"""Rules that are replayed over all of the time."""
STRATEGY: Final = "UnderscoreEscapingWithSuffixes"
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def make_rules(count: int, instances: int, *, delay: float, longest: float) -> list[Rule]:
    """Make rules of which no two ask the same."""
    route, direction, receive = semconv.HTTP_ROUTE.name, semconv.DIRECTION.name, ("receive",)
    windows = [window for window in (60.0, 300.0, 600.0, 3600.0, 6 * 3600.0, 86_400.0) if window <= longest]
    scopes: list[dict[str, tuple[str, ...]]] = [{}, *({INSTANCE_ID: (f"i{index}",)} for index in range(instances))]
    kinds = [
        lambda window, where: Query(semconv.ACTIVE_CONNECTIONS.name, "last", window, where=where),
        lambda window, where: Query(semconv.ACTIVE_CONNECTIONS.name, "max", window, "max", (route,), where),
        lambda window, where: Query(semconv.MESSAGES.name, "rate", window, by=(route,), where=where),
        lambda window, where: Query(semconv.IO.name, "increase", window, by=(direction,), where=where),
        lambda window, where: Query(
            semconv.SYSTEM_CPU.name, "avg", window, "avg", where=where | {"state": ("idle",)}, complement=True
        ),
        lambda window, where: Query(semconv.HANDLING_DURATION.name, "p95", window, by=(route,), where=where),
        lambda window, where: Query(semconv.CONNECTION_DURATION.name, "p90", window, where=where),
        lambda window, where: Ratio(
            Query(semconv.ERRORS_TOTAL.name, "increase", window, where=where),
            Query(semconv.MESSAGES.name, "increase", window, where=where | {direction: receive}),
        ),
        lambda window, where: Ratio(
            Query(semconv.HANDSHAKES.name, "increase", window, by=(route,), where=where),
            Query(semconv.HANDSHAKES.name, "increase", window, by=(route,), where=where, offset=OFFSET),
        ),
    ]
    made = [
        Rule(name=f"Rule{number}", query=kind(window, scope), above=1e-9, for_=60, interval=15, delay=delay)
        for number, (scope, window, kind) in enumerate(itertools.product(scopes, windows, kinds))
    ]
    return made[:count]


def fill(file: Path, server: str | None, *, instances: int, hours: float, end: int) -> None:
    """Take in the time before `end` (epoch seconds), both at once."""
    begin = end - round(hours * HOUR)
    clock = [(begin - 1) * 10**9]
    store = Store.open(file, clock=lambda: clock[0])
    fleet = Fleet((f"i{index}" for index in range(instances)), begin * 10**9)
    for first in range(begin, end, INTERVAL * EXPORTS_AT_ONCE):
        times = range(first + INTERVAL, min(first + INTERVAL * EXPORTS_AT_ONCE, end) + 1, INTERVAL)
        bodies = [fleet.metrics(at * 10**9) for at in times]
        clock[0] = times[-1] * 10**9
        committed = [submit(store, SIGNALS[0], body)[1] for body in bodies]
        for body in bodies if server else ():
            _post(f"{server}/api/v1/otlp/v1/metrics", body)
        for commit in committed:
            commit.result()
        if sys.stderr.isatty():
            print(f"\r{100 * (first - begin) // (end - begin)} %", end="", file=sys.stderr, flush=True)
    store.close()


async def one_by_one(rules: Sequence[Rule], backend: EmbeddedBackend, at: float) -> None:
    """Ask every rule by itself, eight at a time."""
    limit = asyncio.Semaphore(8)

    async def one(rule: Rule) -> None:
        async with limit:
            await observe(rule, backend, at=at)

    await asyncio.gather(*map(one, rules))


async def ours(rules: Sequence[Rule], backend: EmbeddedBackend, at: float) -> tuple[int, int]:
    """Evaluate every rule once; gives how many had data, and how many alerts are pending or firing."""
    options = AlertOptions()
    questions = Questions(backend, concurrency=options.concurrency, timeout=options.timeout)
    seen = await questions.ask(rules, {}, moment=at)
    assert all(observation.problem is None for observation in seen.values())  # noqa: S101 - a benchmark of failures is none
    states = [evaluate(rule, RuleState(), seen[rule.name], at=at)[0] for rule in rules]
    return sum(state.health == "ok" for state in states), sum(len(state.alerts) for state in states)


@contextlib.contextmanager
def prometheus_server(directory: Path) -> Iterator[str | None]:
    """Run Prometheus; None where it is not to be had."""
    try:
        program = destinations.find("prometheus", os.environ)
    except ConfigurationError:
        yield None
        return
    port = free_port()
    configuration = {
        "otlp": {"translation_strategy": STRATEGY, "promote_resource_attributes": ["service.name", INSTANCE_ID]},
        "storage": {"tsdb": {"out_of_order_time_window": "30m"}},
        "rule_files": [str(directory / "rules.yaml")],
    }
    (directory / "prometheus.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    command = [
        *(str(program), f"--config.file={directory / 'prometheus.yaml'}", "--log.level=warn"),
        *(f"--storage.tsdb.path={directory / 'prometheus'}", f"--web.listen-address={HOST}:{port}"),
        *("--web.enable-otlp-receiver", "--web.enable-lifecycle"),
    ]
    process = Process(Program("prometheus", command), directory=directory, environment=environment(os.environ))
    url = f"http://{HOST}:{port}"
    try:
        _wait(lambda: get(f"{url}/-/ready") is not None, seconds=60)
        yield url
    finally:
        process.stop(grace=30)


def theirs(url: str, directory: Path, rules: Sequence[Rule], rounds: int) -> tuple[list[float], int]:
    """Let Prometheus evaluate the exported rules `rounds` times; gives the seconds of each, and how many alerts."""
    text = prometheus.export(rules, Naming.of(STRATEGY))
    (directory / "rules.yaml").write_text(text, encoding="utf-8")
    _post(f"{url}/-/reload", b"")
    found: dict[str, tuple[float, int]] = {}

    def evaluated() -> bool:
        [group] = json.loads(get(f"{url}/api/v1/rules"))["data"]["groups"]
        broken = [rule for rule in group["rules"] if rule["health"] == "err"]
        assert not broken, broken[0]  # noqa: S101 - as above
        if not group["lastEvaluation"].startswith("0001"):
            alerts = sum(len(rule["alerts"]) for rule in group["rules"])
            found[group["lastEvaluation"]] = (group["evaluationTime"], alerts)
        return len(found) >= rounds

    _wait(evaluated, seconds=120 * rounds)
    return [seconds for seconds, _ in found.values()], max(alerts for _, alerts in found.values())


def _wait(done: Any, *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError, Unreachable):
            if done():
                return
        time.sleep(0.2)
    raise TimeoutError(f"not within {seconds:g} s")


def _post(url: str, body: bytes) -> None:
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/x-protobuf"})  # noqa: S310  # of the loopback interface
    with _direct.open(request, timeout=60) as answer:
        answer.read()


def measure(options: Namespace, directory: Path, server: str | None) -> dict[str, Any]:
    """Fill both and measure; gives the figures."""
    end, longest = int(time.time()) // INTERVAL * INTERVAL, options.hours * HOUR
    file = directory / "socketscope.duckdb"
    fill(file, server, instances=options.instances, hours=options.hours, end=end)
    rules = make_rules(options.rules, options.instances, delay=0, longest=longest)
    assert len(rules) == options.rules, f"only {len(rules)} different rules"  # noqa: S101 - else they'd be the same
    store = Store.open(file)
    backend = EmbeddedBackend(store)
    took = []
    for _ in range(options.rounds + 1):
        started = time.perf_counter()
        with_data, alerts = asyncio.run(ours(rules, backend, float(end)))
        took.append(time.perf_counter() - started)
    started = time.perf_counter()
    asyncio.run(one_by_one(rules, backend, float(end)))
    apart = time.perf_counter() - started
    started = time.perf_counter()
    replayed = asyncio.run(replay(rules[:REPLAYED], backend, since=end - longest, until=float(end)))
    replaying = time.perf_counter() - started
    store.close()
    found = {
        "rules": len(rules),
        "with_data": with_data,
        "alerts": {"embedded": alerts},
        "seconds": spread(took[1:]),  # the first round reads the file
        "one_by_one_seconds": apart,
        "replay_evaluations_per_second": sum(rule.evaluations for rule in replayed) / replaying,
    }
    if server:
        late = make_rules(options.rules, options.instances, delay=float(time.time() - end), longest=longest)
        seconds, found["alerts"]["prometheus"] = theirs(server, directory, late, options.rounds)
        found["prometheus_seconds"] = spread(seconds)
    return found


def spread(seconds: Sequence[float]) -> Spread:
    """Sum up rounds."""
    return Spread(min(seconds), statistics.median(seconds), max(seconds))


def main() -> None:
    """Run, print, and fail where the bar is missed."""
    parser = ArgumentParser(prog="scripts/bench rules", description=__doc__)
    parser.add_argument("--rules", type=int, default=1000)
    parser.add_argument("--instances", type=int, default=20, help=f"processes, each with {Fleet.SERIES} series")
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-prometheus", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    where = surroundings("duckdb")
    print("  ".join(f"{name} {value}" for name, value in where.items()))
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        with contextlib.nullcontext() if options.without_prometheus else prometheus_server(directory) as server:
            found = measure(options, directory, server)
    for name, key in (("embedded backend", "seconds"), ("Prometheus", "prometheus_seconds")):
        if key not in found:
            print(f"{name:<18} not measured: it is not to be had")
            continue
        alerts = found["alerts"][name.split()[0].lower()]
        took = found[key]
        print(
            f"{name:<18} {found['rules']} rules, {alerts} alerts: median {took.median:.2f} s,"
            f" best {took.best:.2f}, worst {took.worst:.2f}"
        )
    print(f"one by one         {found['one_by_one_seconds']:.2f} s")
    print(f"replay             {found['replay_evaluations_per_second']:,.0f} evaluations/s of the past")
    passed = found["seconds"].median < BAR_SECONDS
    print(f"bar {BAR_SECONDS:g} s for {found['rules']} rules: {'pass' if passed else 'MISS'}")
    write(options.json, "rules", {"surroundings": where, "bar_seconds": BAR_SECONDS, **found})
    sys.exit(not passed)


if __name__ == "__main__":
    main()

"""What watching adds to an echoed message: CPU time in process, ours beside the peers, in one interleaved run.

Worker processes run an echo of a 64-byte ASCII message against a stand-in for the server that makes each message and
takes each answer. All watchers take turns, in short rounds and in several generations of processes, since how a
process lies in memory is worth some percent too; the best round counts. Time is CPU time of the whole process from the
first message to the last, exporting threads included; who makes a span of each message has to export those as well.
Connecting is measured elsewhere (`scripts/bench network`). Peers run in .venv-peers, each in a process of its own.
`adds` is over bare; a ratio is of what is added.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from echo import APPS, TEXT, Loopback, scope
from rounds import Spread, Verdict, at_most, pronounce, spread, surroundings, write
from sink import Sink
from watchers import SINK, WATCHERS

ROOT: Final = Path(__file__).resolve().parents[1]
WATCHED: Final = tuple(name for name in WATCHERS if "bare SDK" not in name and name != "ours, metrics alone")
PEERS: Final = ROOT / ".venv-peers" / "bin" / "python"
TEXTS: Final = {"64 ASCII": TEXT, "64 non-ASCII": "ä" * 64}
PEER_PACKAGES: Final = ("ddtrace", "sentry-sdk", "logfire")
FLOOR_OF_THE_PROTOTYPE: Final = 0.55 / 0.51
"""What the same counting added to its bare run where the idea was tried first: the floor must be no slower."""


def work(group: str) -> None:
    """Be a worker: for each line `[app, watcher, text, messages]` run, and print the microseconds per message."""
    watched: dict[tuple[str, str], Any] = {}

    async def main() -> None:
        for line in sys.stdin:
            app, watcher, text, messages = json.loads(line)
            if (app, watcher) not in watched:
                watched[app, watcher] = WATCHERS[watcher].watch(APPS[app]())
            server = Loopback(messages, TEXTS[text])
            at, run = scope(), watched[app, watcher]
            gc.collect()
            gc.disable()
            await run(at, server.receive, server.send)
            taken = server.ended - server.started
            if WATCHERS[watcher].each_message:
                started = time.process_time_ns()
                WATCHERS[watcher].settle()
                taken += time.process_time_ns() - started
            gc.enable()
            if server.sent != messages:
                raise RuntimeError(f"{watcher} on {app} lost messages: {server.sent} of {messages}")
            print(taken / 1000 / messages, flush=True)

    assert group in {watcher.group for watcher in WATCHERS.values()}  # noqa: S101
    asyncio.run(main())


class Worker:
    """A process that measures."""

    def __init__(self, group: str, python: str, sink: str) -> None:
        self._process = subprocess.Popen(
            [python, __file__, "--work", group],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, SINK: sink},
        )

    def measure(self, app: str, watcher: str, text: str, messages: int) -> float:
        """Give the microseconds per echoed message."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the worker has no pipes")
        print(json.dumps([app, watcher, text, messages]), file=self._process.stdin, flush=True)
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"the worker of {watcher} ended: its message stands above")
        return float(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: generations of processes, rounds of each, messages in a round."""

    generations: int
    rounds: int
    messages: int
    heavy_rounds: int = 3
    heavy_messages: int = 2000


def measured(plan: Plan, apps: Sequence[str], names: Sequence[str], text: str) -> dict[str, dict[str, Spread]]:
    """Measure, and give the microseconds per message by application and watcher."""
    found: dict[tuple[str, str], list[float]] = {(app, name): [] for app in apps for name in names}
    groups = {WATCHERS[name].group for name in names}
    with Sink() as sink:
        for generation in range(plan.generations):
            workers = {
                group: Worker(group, sys.executable if group == "main" else str(PEERS), sink.url) for group in groups
            }
            try:
                _one_generation(plan, workers, found, text)
            finally:
                for worker in workers.values():
                    worker.__exit__(None, None, None)
            if sys.stderr.isatty():
                print(f"\r{generation + 1} of {plan.generations}", end="", file=sys.stderr, flush=True)
    return {app: {name: spread(found[app, name]) for name in names} for app in apps}


def _one_generation(
    plan: Plan, workers: Mapping[str, Worker], found: dict[tuple[str, str], list[float]], text: str
) -> None:
    for number in range(plan.rounds + 1):
        for app, name in found if number % 2 else reversed(found):
            watcher = WATCHERS[name]
            if watcher.each_message and number > plan.heavy_rounds:
                continue
            messages = plan.heavy_messages if watcher.each_message else plan.messages
            taken = workers[watcher.group].measure(app, name, text, messages)
            if number:  # the first round warms up
                found[app, name].append(taken)


def added(figures: Mapping[str, Spread], name: str) -> float:
    """Give what a watcher adds to the bare echo, in microseconds."""
    return figures[name].best - figures["bare"].best


def main() -> None:
    """Run, print, and fail where a bar is missed."""
    parser = ArgumentParser(prog="scripts/bench messages", description=__doc__)
    parser.add_argument("--work", help="be a worker of this group")
    parser.add_argument("--generations", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--text", choices=TEXTS, default="64 ASCII")
    parser.add_argument("--app", choices=APPS, action="append", help="only this one")
    parser.add_argument("--only", nargs="*", help="beside bare and floor, only these", default=None)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.work:
        work(options.work)
        return
    names = [name for name in WATCHED if options.only is None or name in {"bare", "floor", *options.only}]
    if not PEERS.exists():
        print("no .venv-peers (scripts/peers makes it): measured without ddtrace, Sentry and Logfire", file=sys.stderr)
        names = [name for name in names if WATCHERS[name].group == "main"]
    where = surroundings("opentelemetry-sdk", "opentelemetry-instrumentation-asgi", "starlette", "fastapi")
    where |= peer_versions()
    print("  ".join(f"{name} {value}" for name, value in where.items()))
    plan = Plan(options.generations, options.rounds, options.messages)
    figures = measured(plan, options.app or list(APPS), names, options.text)
    for app, found in figures.items():
        print(f"\n{app}, {options.text}: us of CPU per echoed message")
        for name, value in found.items():
            more = added(found, name)
            print(
                f"{name:<28}{value.best:8.2f} (median {value.median:7.2f}, worst {value.worst:7.2f})  adds {more:7.2f}"
                f" = {more / found['bare'].best:6.2f}x bare, {more / added(found, 'floor'):7.2f}x floor"
            )
    print("\nwhat each records")
    for name in names:
        print(f"{name:<28}{WATCHERS[name].records}")
    verdicts = judged(figures)
    passed = pronounce(verdicts)
    records = {name: WATCHERS[name].records for name in names}
    write(
        options.json,
        "messages",
        {"surroundings": where, "text": options.text, "figures": figures, "records": records, "verdicts": verdicts},
    )
    sys.exit(not passed)


def peer_versions() -> dict[str, Any]:
    """Give the versions of the peers in their environment."""
    if not PEERS.exists():
        return {}
    code = f"import json, importlib.metadata as m; print(json.dumps({{n: m.version(n) for n in {PEER_PACKAGES!r}}}))"
    return dict(json.loads(subprocess.run([PEERS, "-c", code], capture_output=True, check=True).stdout))


def judged(figures: Mapping[str, Mapping[str, Spread]]) -> list[Verdict]:
    """Hold the figures of raw ASGI against the bars."""
    found = figures.get("raw ASGI", {})
    verdicts = []
    if "floor" in found:
        ratio = added(found, "floor") / found["bare"].best
        verdicts.append(at_most("what the floor adds / a bare echo", ratio, FLOOR_OF_THE_PROTOTYPE))
    for name, peer, bar in (
        ("ours", "floor", 2.2),
        ("ours, no SDK", "floor", 0.5),
        ("ours", "OTel ASGI", 1 / 50),
        ("ours", "ddtrace", 1 / 150),
    ):
        if name in found and peer in found:
            ratio = added(found, name) / added(found, peer)
            verdicts.append(at_most(f"an echo: what {name} adds / what {peer} adds", ratio, bar, ".4f"))
    return verdicts


if __name__ == "__main__":
    main()

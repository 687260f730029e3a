"""What watching adds over the network: a uvicorn server's CPU time per echoed message, and per connection.

Every watcher has a server process of its own; 50 connections echo in step, and cycles connect and close 20 at a time.
All servers take turns, in several generations of processes. CPU time is the whole server process's, exporting
included.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from echo import TEXT
from messages import peer_versions
from rounds import Spread, Verdict, at_most, pronounce, spread, surroundings, write
from served import PEERS, Served
from sink import Sink
from watchers import WATCHERS
from wire import Connections

CONNECTIONS: Final = 50
AT_A_TIME: Final = 20
ECHOES: Final = (
    "bare",
    "floor",
    "ours",
    "seed's style",
    "OTel ASGI, no message spans",
    "OTel ASGI",
    "ddtrace",
    "Sentry",
    "Logfire",
)
CYCLES: Final = (
    "bare",
    "ours, metrics alone",
    "bare SDK",
    "bare SDK, same attributes",
    "ours",
    "OTel ASGI",
    "ddtrace",
    "Sentry",
    "Logfire",
)


class Figures:
    """Microseconds of the server's CPU, by kind and watcher."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, list[float]]] = {"echo": {}, "cycle": {}}

    def add(self, kind: str, watcher: str, microseconds: float) -> None:
        """Keep one round."""
        self.found[kind].setdefault(watcher, []).append(microseconds)

    def spreads(self) -> dict[str, dict[str, Spread]]:
        """Give best, median and worst."""
        return {kind: {name: spread(values) for name, values in found.items()} for kind, found in self.found.items()}


def echo(server: Served, times: int) -> float:
    """Echo, and give the server's microseconds per message."""
    connections = Connections(server.port, CONNECTIONS)
    connections.echo(TEXT, 20)
    before = server.cpu()
    connections.echo(TEXT, times)
    taken = server.cpu() - before
    connections.close()
    return taken * 1e6 / (CONNECTIONS * times)


def cycle(server: Served, times: int) -> float:
    """Connect and close, and give the server's microseconds per connection."""

    def turns(number: int) -> None:
        for _ in range(number):
            Connections(server.port, AT_A_TIME).close()

    turns(5)  # a dozen other servers have had the processor since the last time
    before = server.cpu()
    turns(times)
    return (server.cpu() - before) * 1e6 / (AT_A_TIME * times)


def measure(
    generations: int, rounds: int, names: Mapping[str, Sequence[str]], size: int
) -> dict[str, dict[str, Spread]]:
    """Measure; `size` is how many times 50 echoes and 20 cycles make a round."""
    figures = Figures()
    for generation in range(generations):
        with ExitStack() as stack:
            sink = stack.enter_context(Sink())
            wanted = list(dict.fromkeys([*names["echo"], *names["cycle"]]))
            servers = {name: stack.enter_context(Served(name, sink.url)) for name in wanted}
            for number in range(rounds + 1):
                # One kind after the other: a server that has just echoed would be the warmer for it.
                for kind, run, times in (("echo", echo, size), ("cycle", cycle, size // 4 or 1)):
                    for name in wanted if number % 2 else reversed(wanted):
                        if name in names[kind]:
                            _keep(figures, number, kind, name, run(servers[name], times))
        if sys.stderr.isatty():
            print(f"\r{generation + 1} of {generations}", end="", file=sys.stderr, flush=True)
    return figures.spreads()


def _keep(figures: Figures, number: int, kind: str, name: str, value: float) -> None:
    if number:  # the first round warms up
        figures.add(kind, name, value)


def judged(figures: Mapping[str, Mapping[str, Spread]]) -> list[Verdict]:
    """Hold the figures against the bars."""
    verdicts = []
    echoes, cycles = figures["echo"], figures["cycle"]
    if {"floor", "ours"} <= echoes.keys():
        floor, ours = (echoes[name].best / echoes["bare"].best for name in ("floor", "ours"))
        verdicts.append(at_most("an echo over the network / bare uvicorn (the floor's + 0.08)", ours, floor + 0.08))
    for name, beside in (
        ("ours, metrics alone", "bare"),
        ("ours", "bare SDK"),
        ("ours", "bare SDK, same attributes"),
    ):
        if {name, beside} <= cycles.keys():
            ratio = cycles[name].best / cycles[beside].best
            verdicts.append(at_most(f"connect and close: {name} / {beside}", ratio, 1.15))
    return verdicts


def main() -> None:
    """Run, print, and fail where a bar is missed."""
    parser = ArgumentParser(prog="scripts/bench network", description=__doc__)
    parser.add_argument("--generations", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=60, help="so many times 50 echoes, a quarter of it 20 connections")
    parser.add_argument("--only", nargs="*", help="beside bare and floor, only these", default=None)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    names = {
        kind: [
            name
            for name in of_kind
            if (options.only is None or name in {"bare", "floor", *options.only})
            and (WATCHERS[name].group == "main" or PEERS.exists())
        ]
        for kind, of_kind in (("echo", ECHOES), ("cycle", CYCLES))
    }
    where = surroundings("uvicorn", "uvloop", "websockets", "opentelemetry-sdk") | peer_versions()
    print("  ".join(f"{name} {value}" for name, value in where.items()))
    figures = measure(options.generations, options.rounds, names, options.size)
    for kind, found in figures.items():
        print(f"\nus of the server's CPU per {'echoed message' if kind == 'echo' else 'connection, opened and closed'}")
        for name, value in found.items():
            print(
                f"{name:<28}{value.best:8.1f} (median {value.median:7.1f}, worst {value.worst:7.1f})"
                f" = {value.best / found['bare'].best:6.3f}x bare"
            )
    verdicts = judged(figures)
    passed = pronounce(verdicts)
    records = {name: WATCHERS[name].records for found in figures.values() for name in found}
    write(
        options.json, "network", {"surroundings": where, "figures": figures, "records": records, "verdicts": verdicts}
    )
    sys.exit(not passed)


if __name__ == "__main__":
    main()

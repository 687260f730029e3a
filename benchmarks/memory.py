"""What watching holds: resident memory per idle connection of a uvicorn server, and what a million messages leave.

Each watcher has a fresh server process per round. What a connection takes is what each of some thousands takes beyond
the first thousand: those pay for what is there once. It is a difference, which noise moves either way: so the median of
the rounds counts, not the least. Before the process tells its memory it exports what waits, collects its garbage and
gives back what it can to the system. The million messages pass one connection in process; what is counted are the
interpreter's own allocated blocks, and resident memory.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from echo import Loopback, raw, scope
from rounds import Spread, Verdict, at_most, pronounce, spread, surroundings, write
from served import PEERS, Served
from sink import Sink
from watchers import SINK, WATCHERS, collect
from wire import Connections

IDLE: Final = ("bare", "floor", "ours", "seed's style", "OTel ASGI", "ddtrace", "Sentry", "Logfire")
GROWTH: Final = ("bare", "ours", "seed's style")
FIRST: Final = 1000
BAR_IDLE: Final = 4096
BAR_BLOCKS: Final = 200
"""Blocks that a million messages may leave: some dozens come and go with the interpreter's caches."""


def idle(watcher: str, sink: str, connections: int) -> float:
    """Give the resident bytes per connection."""
    with Served(watcher, sink) as server:
        opened = [Connections(server.port, FIRST)]  # what is there once, however many connections there are
        before = server.memory()
        opened.append(Connections(server.port, connections))
        return (server.memory() - before) / connections


def grow(watcher: str, messages: int) -> None:
    """Be a process that passes messages, and print the blocks and resident bytes that they left."""

    async def main() -> None:
        app = WATCHERS[watcher].watch(raw())
        server = _Measured(messages)
        await app(scope(), server.receive, server.send)
        print(server.blocks, server.resident, flush=True)

    asyncio.run(main())
    os._exit(0)


class _Measured(Loopback):
    """Reads what is allocated after the first thousand messages, when all that is lazy is made, and after the last."""

    def __init__(self, messages: int) -> None:
        super().__init__(1000)
        self._script = iter((self._connect, self._first, self._begin, self._end))
        self._many = messages
        self.blocks = self.resident = 0

    def _begin(self) -> Any:
        collect()
        gc.collect()
        self.blocks, self.resident = -sys.getallocatedblocks(), -_resident()
        self._left = self._many - 1
        return {"type": "websocket.receive", "text": self._text}

    def _end(self) -> Any:
        collect()
        gc.collect()
        self.blocks += sys.getallocatedblocks()
        self.resident += _resident()
        return self._disconnect()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def growth(watcher: str, sink: str, messages: int) -> tuple[int, int]:
    """Give the blocks and the resident bytes that messages left."""
    done = subprocess.run(
        [sys.executable, __file__, "--grow", watcher, "--messages", str(messages)],
        env={**os.environ, SINK: sink},
        capture_output=True,
        text=True,
        check=True,
    )
    blocks, resident = done.stdout.split()
    return int(blocks), int(resident)


def judged(idle_bytes: Mapping[str, Spread], left: Mapping[str, tuple[int, int]], messages: int) -> list[Verdict]:
    """Hold the figures against the bars."""
    more = idle_bytes["ours"].median - idle_bytes["bare"].median
    blocks, _ = left["ours"]
    return [
        at_most("bytes per idle connection over bare uvicorn", more, BAR_IDLE, ",.0f"),
        at_most(f"blocks of memory that {messages:,} messages leave", blocks, BAR_BLOCKS, ",.0f"),
    ]


def main() -> None:
    """Run, print, and fail where a bar is missed."""
    parser = ArgumentParser(prog="scripts/bench memory", description=__doc__)
    parser.add_argument("--grow", help="be a process that passes messages")
    parser.add_argument("--connections", type=int, default=4000)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="beside bare, only these", default=None)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.grow:
        grow(options.grow, options.messages)
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    names = [
        name
        for name in IDLE
        if (options.only is None or name in {"bare", *options.only})
        and (WATCHERS[name].group == "main" or PEERS.exists())
    ]
    where = surroundings("uvicorn", "opentelemetry-sdk")
    print("  ".join(f"{name} {value}" for name, value in where.items()))
    found: dict[str, list[float]] = {name: [] for name in names}
    with Sink() as sink:
        for _ in range(options.rounds):
            for name in names:
                found[name].append(idle(name, sink.url, options.connections))
        left = {name: growth(name, sink.url, options.messages) for name in GROWTH if name in names}
    figures = {name: spread(values) for name, values in found.items()}
    print(f"\nbytes per idle connection, of {options.connections:,} beyond the first {FIRST:,}")
    for name, value in figures.items():
        more = value.median - figures["bare"].median
        print(
            f"{name:<16}{value.median:10,.0f} (least {value.best:,.0f}, most {value.worst:,.0f})"
            f"  over bare {more:8,.0f}"
        )
    print(f"\nleft by {options.messages:,} messages")
    for name, (blocks, resident) in left.items():
        print(f"{name:<16}{blocks:10,} blocks  {resident:12,} bytes resident")
    verdicts = judged(figures, left, options.messages)
    passed = pronounce(verdicts)
    write(options.json, "memory", {"surroundings": where, "idle": figures, "growth": left, "verdicts": verdicts})
    sys.exit(not passed)


if __name__ == "__main__":
    main()

"""Two processes over Redis: how long a message takes from `publish` to every client, at a given rate of deliveries.

Each process serves half of the clients of every channel with uvicorn and our protocol, telemetry on, and publishes half
of the messages. The clients are one more process: they take the time that passed since a message was made, and check
that of every publisher each message comes once and in order. Redis is started for it, and keeps nothing on disk.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

from brokers_parts import Readers, serve
from rounds import surroundings, write

from socketscope.demo.stack.process import Process
from socketscope.demo.stack.replicas import Redis, find_redis

PROCESSES: Final = 2
P99_BAR: Final = 0.050
"""Seconds."""
RATE_BAR: Final = 0.99
"""So much of the wanted rate is to be reached."""


class Server:
    """A process that serves and publishes; see `brokers_parts.serve`."""

    def __init__(self, number: int, url: str, options: Namespace) -> None:
        arguments = [number, url, options.channels, options.deliveries / options.clients * options.channels / PROCESSES]
        self._process = subprocess.Popen(
            [sys.executable, __file__, "serve", *map(str, arguments), str(options.bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self.ask())

    def ask(self, line: str = "") -> str:
        """Say a line, if there is one, and give the next answer."""
        if line and self._process.stdin:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline() if self._process.stdout else ""
        if not answer:
            raise RuntimeError("a server ended")
        return answer.strip()

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for a condition; raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - of other processes
            await asyncio.sleep(0.05)


async def measure(servers: list[Server], options: Namespace) -> dict[str, Any]:
    """Connect the clients, let all publish for so many seconds, and count what came."""
    readers = Readers(options.channels)
    for number in range(options.clients):
        await readers.connect(servers[number % PROCESSES].port, number // PROCESSES % options.channels)
    await until(lambda: sum(int(server.ask("members")) for server in servers) == options.clients)
    warm = 2.0
    began = time.monotonic()
    for server in servers:
        await asyncio.to_thread(server.ask, f"publish {warm + options.seconds}")
    readers.measure_from = began + warm
    await asyncio.sleep(warm + options.seconds)
    accounts = [json.loads(await asyncio.to_thread(server.ask, "account")) for server in servers]
    published = sum(account["published"] for account in accounts)
    subscribers = options.clients / options.channels
    expected = round(published * subscribers)
    with suppress(TimeoutError):  # what is missing then is reported
        await until(lambda: readers.received >= expected)
    times = sorted(readers.times)
    return {
        "published": published,
        "expected": expected,
        "received": readers.received,
        "missing": expected - readers.received,
        "twice or out of order": readers.out_of_order,
        "lost by the brokers' account": sum(account["counters"]["lost"] for account in accounts),
        "recovered": sum(account["counters"]["recovered"] for account in accounts),
        "deliveries a second": round(len(times) / options.seconds),
        "p50": times[len(times) // 2],
        "p99": times[int(len(times) * 0.99)],
        "max": times[-1],
        "cpu": {f"server {number}": account["cpu"] for number, account in enumerate(accounts)},
    }


def report(found: dict[str, Any], options: Namespace) -> bool:
    """Print; returns whether the bars were met."""
    for name, value in found.items():
        shown = f"{value * 1000:.2f} ms" if name in {"p50", "p99", "max"} else value
        print(f"{name:<30} {shown}")
    bars = {
        f"p99 <= {P99_BAR * 1000:g} ms": found["p99"] <= P99_BAR,
        f"at least {options.deliveries * RATE_BAR:g} deliveries a second": (
            found["deliveries a second"] >= options.deliveries * RATE_BAR
        ),
        "nothing lost": found["missing"] == 0 and found["lost by the brokers' account"] == 0,
        "nothing doubled": found["twice or out of order"] == 0,
    }
    for name, met in bars.items():
        print(f"{name:<40} {'pass' if met else 'MISS'}")
    return all(bars.values())


def main() -> None:
    """Run, print, and fail where a bar is missed."""
    parser = ArgumentParser(prog="scripts/bench brokers", description=__doc__)
    parser.add_argument("--deliveries", type=int, default=20_000, help="a second, over all clients")
    parser.add_argument("--clients", type=int, default=400)
    parser.add_argument("--channels", type=int, default=10)
    parser.add_argument("--bytes", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.clients % (PROCESSES * options.channels):
        parser.error(f"--clients {options.clients}: a multiple of {PROCESSES} x --channels is expected")
    where = surroundings("uvicorn", "uvloop", "redis", "hiredis")
    print("  ".join(f"{name} {value}" for name, value in where.items()))
    redis = Redis(find_redis(os.environ))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        process = Process(redis.program(), directory=Path(folder), environment=os.environ)
        stack.callback(process.stop, grace=5)
        while not redis.ready():
            process.wait(0.05)
        servers = []
        for number in range(PROCESSES):
            servers.append(Server(number, redis.url, options))
            stack.callback(servers[-1].stop)
        found = asyncio.run(measure(servers, options))
    passed = report(found, options)
    write(options.json, "brokers", {"surroundings": where, "passed": passed, **found})
    sys.exit(not passed)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        import uvloop

        uvloop.run(serve(*sys.argv[2:]))
    else:
        main()

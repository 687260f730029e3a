"""What a message to a thousand clients costs the server: ours beside the peers, in one run.

Each subject is a server process of its own, its clients are another process. Published is as fast as the server goes
round its loop; measured is the processor time of the server, all threads, from the first message until every client
has every message. Garbage is collected before: what a thousand new connections owe is no price of a message. Ours has
its telemetry on, with the SDK as `socketscope run` sets it up; the others have none.

Medians are held against each other. Now and then a server costs a fifth less than its own median for a whole round
(clients that lag need not be woken, as far as we know): were the best rounds compared, one such round would decide.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fanout_clients import load
from fanout_servers import SUBJECTS, serve
from programs import program
from rounds import Spread, interleaved, surroundings, write

PEERS: Final = Path(__file__).parent.parent / ".venv-peers" / "bin" / "python"
"""Runs all of it, ours too, where it is there (scripts/peers): picows is in no other environment."""
OURS, PLAIN = "ours, uvicorn protocol", "ours, plain ASGI"
BARS: Final = (
    (OURS, "websockets.broadcast", 0.85),
    (OURS, "picows", 1.25),
    (OURS, "FastAPI loop hub", 0.65),
    (OURS, "python-socketio room", 0.15),
    (PLAIN, "bare loop over send", 1.15),
)
"""The first may cost at most so many times what the second costs."""


def measure(name: str, options: Namespace) -> Callable[[int], float]:
    """Give what measures a subject: microseconds of processor time for each delivery."""

    def once(_: int) -> float:
        deliveries = options.clients * options.messages
        with program(__file__, "serve", name) as server:
            port = server.read()
            with program(__file__, "load", port, options.clients, options.bytes, int("socketio" in name)) as clients:
                clients.read()
                end = time.monotonic() + 60
                while int(server.ask("members")) < options.clients:
                    if time.monotonic() > end:
                        raise TimeoutError(f"{name} has not let all clients in")
                    time.sleep(0.05)
                server.tell("publish 5 " + str(options.bytes))
                clients.ask(5 * options.clients)
                server.read()
                server.tell(f"publish {options.messages} {options.bytes}")
                clients.ask(deliveries)
                server.read()
                seconds = float(server.ask("cpu"))
        return seconds / deliveries * 1e6

    return once


def report(found: dict[str, Spread]) -> bool:
    """Print; returns whether every bar was met."""
    for name, spread in found.items():
        print(f"{name:<24} best {spread.best:6.2f} us  median {spread.median:6.2f}  spread {spread.percent:3.0f} %")
    passed = True
    for name, peer, bar in BARS:
        if name in found and peer in found:
            ratio, best = found[name].median / found[peer].median, found[name].best / found[peer].best
            passed &= ratio <= bar
            verdict = "pass" if ratio <= bar else "MISS"
            print(f"{name:<24} {ratio:5.2f} x {peer:<24} bar {bar}: {verdict} (best of each: {best:.2f})")
    return passed


def main() -> None:
    """Run, print, and fail where a bar is missed."""
    parser = ArgumentParser(prog="scripts/bench fanout", description=__doc__)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=100)
    parser.add_argument("--bytes", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", action="append", choices=SUBJECTS, help="measure these")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if PEERS.exists() and Path(sys.prefix) != PEERS.parent.parent:
        sys.exit(subprocess.run([PEERS, *sys.argv], check=False).returncode)
    packages = ("uvicorn", "uvloop", "websockets", "picows", "python-socketio", "fastapi")
    where = surroundings(*(name for name in packages if importlib.util.find_spec(name.replace("python-", ""))))
    print("  ".join(f"{name} {value}" for name, value in where.items()))
    subjects = {name: measure(name, options) for name in options.only or SUBJECTS if name in where or name != "picows"}
    found = interleaved(subjects, rounds=options.rounds, greater_is_better=False)
    passed = report(found)
    write(options.json, "fanout", {"surroundings": where, "bars": BARS, "microseconds": found})
    sys.exit(not passed)


def part(arguments: list[str]) -> None:
    """Be one of the processes of a measurement."""
    import uvloop

    if arguments[0] == "serve":
        uvloop.run(serve(arguments[1]))
    else:
        port, clients, least, socketio = map(int, arguments[1:])
        uvloop.run(load(port, clients, least, socketio=bool(socketio)))


if __name__ == "__main__":
    if sys.argv[1:2] in (["serve"], ["load"]):
        part(sys.argv[1:])
    else:
        main()

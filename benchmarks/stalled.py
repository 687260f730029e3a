"""Clients that never read, among healthy ones: what the healthy ones notice, and what a stuck one costs.

Two rooms: 20 clients and one that is stuck, 1,000 and 1 %. Each is measured in turn with the stuck ones and without, at
a rate that the healthy ones can take. The server is ours with our uvicorn protocol and telemetry on.

A p99 differs by half from run to run, whoever is stuck: medians of the runs are held against each other.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from programs import program
from rounds import interleaved, surroundings, write
from stalled_parts import serve, take

P99_BAR: Final = 1.2
"""The healthy ones' p99 may be so many times that of the run without stuck ones."""
BUFFER_BAR: Final = 1024 * 1024
"""Bytes that may wait in the server for one that is stuck."""


@dataclass(frozen=True, slots=True)
class Room:
    """`rate`: messages a second."""

    name: str
    healthy: int
    stuck: int
    messages: int
    rate: float
    rounds: int


ROOMS: Final = (Room("20 and 1 stuck", 20, 1, 800, 200.0, 9), Room("1,000 and 1 % stuck", 1000, 10, 400, 16.0, 5))


@dataclass(slots=True)
class Account:
    """What is to be true of every run with stuck clients, at worst."""

    missing: int = 0
    buffered: int = 0
    descriptors: int = 0
    unbalanced: int = 0
    still_in: int = 0

    def add(self, found: dict[str, Any], room: Room) -> None:
        """Take the account of a run."""
        self.missing += room.healthy * room.messages - found["received"]
        self.buffered = max(self.buffered, found["buffered"])
        self.descriptors = max(self.descriptors, found["descriptors"])
        self.unbalanced += found["unbalanced"]
        self.still_in = max(self.still_in, found["members"] - room.healthy)


def measure(room: Room, stuck: int, options: Namespace, account: Account) -> Callable[[int], float]:
    """Give what measures a room: the healthy ones' p99 in milliseconds."""

    def once(_: int) -> float:
        with program(__file__, "serve") as server, program(__file__, "take", server.read()) as clients:
            clients.ask(f"connect {room.healthy}")
            server.ask(f"members {room.healthy}")
            before = int(server.ask("descriptors"))
            clients.ask(f"stuck {stuck}")
            server.ask(f"members {room.healthy + stuck}")
            buffered = int(server.ask(f"publish {room.messages} {options.bytes} {room.rate}"))
            found = clients.ask_json(f"wait {room.healthy * room.messages}")
            after = server.ask_json("account")
            account.add(
                {**found, **after, "buffered": buffered, "descriptors": int(server.ask("descriptors")) - before}, room
            )
        return float(found["p99"]) * 1000

    return once


def main() -> None:
    """Run, print, and fail where a bar is missed."""
    parser = ArgumentParser(prog="scripts/bench stalled", description=__doc__)
    parser.add_argument("--bytes", type=int, default=16 * 1024)
    parser.add_argument("--rounds", type=int, default=0, help="in place of each room's own")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    where = surroundings("uvicorn", "uvloop")
    print("  ".join(f"{name} {value}" for name, value in where.items()))
    rooms: dict[str, Any] = {}
    for room in ROOMS:
        account = Account()
        subjects = {
            "without": measure(room, 0, options, Account()),
            "with": measure(room, room.stuck, options, account),
        }
        found = interleaved(subjects, rounds=options.rounds or room.rounds, greater_is_better=False)
        ratio = found["with"].median / found["without"].median
        rooms[room.name] = {"ratio": ratio, "p99": found, **asdict(account)}
        for name, spread in found.items():
            print(
                f"{room.name}: p99 {name:<8} median {spread.median:7.2f} ms  "
                f"best {spread.best:7.2f}  spread {spread.percent:3.0f} %"
            )
        print(f"{room.name}: {ratio:.2f} x, {json.dumps(asdict(account))}")
    passed = all(
        room["ratio"] <= P99_BAR
        and room["buffered"] <= BUFFER_BAR
        and not any(room[name] for name in ("missing", "descriptors", "unbalanced", "still_in"))
        for room in rooms.values()
    )
    print("pass" if passed else "MISS")
    write(options.json, "stalled", {"surroundings": where, "passed": passed, "rooms": rooms})
    sys.exit(not passed)


if __name__ == "__main__":
    if sys.argv[1:2] in (["serve"], ["take"]):
        import uvloop

        uvloop.run(serve() if sys.argv[1] == "serve" else take(int(sys.argv[2])))
    else:
        main()

"""Simulated users of the chat: a program of its own, which knows the chat by its URL and nothing of who watches it.

    python users.py --url ws://127.0.0.1:8000 --seed 7 --users 100 --messages 2500 --duration 20 --ledger ledger.json

`--url` may be given several times, for a chat of several processes: the members of a room are spread over them.
With a duration the plan is done once, at a pace that fills it. Without one the users go on until SIGINT or SIGTERM,
then leave. Exit code 0: the ledger is written; 1: something happened that it can't account for; 2: a wrong option.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from .ledger import Ledger
    from .plan import ROUNDS, Depart, Hold, Join, Plan, Refused, RoomPlan, Step, Talk, make_plan
    from .room import Room
else:  # started by its file path: nothing of the package around it is loaded
    from ledger import Ledger
    from plan import ROUNDS, Depart, Hold, Join, Plan, Refused, RoomPlan, Step, Talk, make_plan
    from room import Room

HOLD = 3.0
"""Seconds for which everybody stays connected, so that a gauge that is read once a second sees it."""
ROUND = 1.5
"""Seconds of a round of an endless run; its opening takes four of them."""


class Pace:
    """When which phase starts, in seconds from the start: opening, hold, then rounds."""

    def __init__(self, duration: float | None, *, hold: float) -> None:
        # A tenth of the time is kept for the way out.
        talking = 0.0 if duration is None else max(0.0, duration * 0.9 - hold)
        self.opening = 4 * ROUND if duration is None else talking * 0.25
        self.round = ROUND if duration is None else talking * 0.75 / ROUNDS
        self.hold = hold

    def window(self, phase: int) -> tuple[float, float]:
        """Start and length of phase number `phase`."""
        if phase == 0:
            return 0.0, self.opening
        if phase == 1:
            return self.opening, self.hold
        return self.opening + self.hold + (phase - 2) * self.round, self.round


class Crowd:
    """Everybody, in all rooms."""

    def __init__(self, plan: Plan, urls: Sequence[str], ledger: Ledger, pace: Pace, *, rounds: int | None) -> None:
        self.plan = plan
        self.ledger = ledger
        self.pace = pace
        self.rounds = rounds
        self.stopping = asyncio.Event()
        self._rooms = {room.name: Room(room.name, urls, ledger) for room in plan.rooms}
        self._missing = len(plan.rooms)
        self._all_here = asyncio.Event()
        self._started = 0.0

    def stop(self) -> None:
        """Let everybody leave as soon as their present step is done."""
        self.stopping.set()
        self._all_here.set()

    async def run(self) -> None:
        """Do the plan. Raises an `ExceptionGroup` when a room can't account for what happened."""
        self._started = asyncio.get_running_loop().time()
        try:
            async with asyncio.TaskGroup() as rooms:
                for plan in self.plan.rooms:
                    rooms.create_task(self._live(plan))
        finally:
            for room in self._rooms.values():
                room.drop()

    async def _live(self, plan: RoomPlan) -> None:
        room = self._rooms[plan.name]
        end = None if self.rounds is None else 2 + self.rounds
        for number, steps in enumerate(islice(plan.phases(), end)):
            start, length = self.pace.window(number)
            for position, step in enumerate(steps):
                await self._sleep_until(start + length * position / len(steps))
                if not self.stopping.is_set():
                    await self._do(room, step, length / len(steps))
            if self.stopping.is_set():
                break
        await self._sleep_until(self.pace.window(end)[0] if end else 0)
        await room.close()

    async def _do(self, room: Room, step: Step, seconds: float) -> None:
        match step:
            case Join():
                await room.join(step.user)
            case Refused():
                await room.refused(step.user)
            case Talk():
                for message in step.messages:
                    await room.say(message)
                    await self._sleep(seconds * 0.8 / len(step.messages))
            case Hold():
                await self._hold(room)
            case Depart():
                await room.depart(step)

    async def _hold(self, room: Room) -> None:
        await room.barrier()
        self._missing -= 1
        if not self._missing:
            self._all_here.set()
        await self._all_here.wait()
        connected = self.ledger.open_connections
        await self._sleep(self.pace.hold)
        if not self.stopping.is_set():
            self.ledger.held(connected)

    async def _sleep_until(self, moment: float) -> None:
        await self._sleep(self._started + moment - asyncio.get_running_loop().time())

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but not beyond the signal to stop."""
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.stopping.wait()


async def report(crowd: Crowd) -> None:
    """Print the ledger so far, one line of JSON a second."""
    while True:
        now = crowd.ledger.as_dict() | {"open_connections": crowd.ledger.open_connections}
        sys.stdout.write(f"{json.dumps(now)}\n")
        sys.stdout.flush()
        await asyncio.sleep(1)


async def simulate(
    *urls: str,
    plan: Plan,
    duration: float | None = None,
    hold: float = HOLD,
    progress: bool = False,
) -> Ledger:
    """Run `plan` against the chat at `urls` (`ws://host:port`), one for each process, and return what happened.

    Raises an `ExceptionGroup` when something can't be accounted for.
    """
    ledger = Ledger()
    crowd = Crowd(plan, urls, ledger, Pace(duration, hold=hold), rounds=None if duration is None else ROUNDS)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, crowd.stop)
    reporter = asyncio.create_task(report(crowd)) if progress else None
    try:
        await crowd.run()
    finally:
        if reporter:
            reporter.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    return ledger


def main(arguments: list[str] | None = None) -> int:
    """Run the program; the exit code."""
    parser = argparse.ArgumentParser(prog="users.py", description="Simulated users of the chat.")
    parser.add_argument("--url", required=True, action="append", help="where the chat is: ws://host:port")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same plan")
    parser.add_argument("--users", type=int, default=100, help="users connected at the same time")
    parser.add_argument("--messages", type=int, default=2500, help="messages that they say in all")
    parser.add_argument("--duration", type=float, help="seconds that the run shall take (default: until SIGINT)")
    parser.add_argument("--hold", type=float, default=HOLD, help="seconds for which all stay connected")
    parser.add_argument("--ledger", type=Path, required=True, help="file to write the counts to, as JSON")
    parser.add_argument("--progress", action="store_true", help="print the counts so far, once a second")
    options = parser.parse_args(arguments)
    if options.duration is not None and options.duration <= 0:
        parser.error(f"--duration {options.duration}: seconds greater than 0 are expected")
    try:
        plan = make_plan(seed=options.seed, users=options.users, messages=options.messages)
    except ValueError as wrong:
        parser.error(str(wrong))
    run = simulate(*options.url, plan=plan, duration=options.duration, hold=options.hold, progress=options.progress)
    try:
        ledger = asyncio.run(run)
    except ExceptionGroup as failures:
        for failure in failures.exceptions:
            sys.stderr.write(f"users: {failure!r}\n")
        return 1
    ledger.write(options.ledger)
    return 0


if __name__ == "__main__":
    sys.exit(main())

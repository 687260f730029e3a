"""The clients of the contract's workload, and what they know to have happened, counted apart by all that is asked."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice

from socketscope.demo.ledger import Ledger, payload_bytes
from socketscope.demo.plan import MISTAKES, Depart, Plan, RoomPlan, Say
from socketscope.demo.room import PATIENCE, Room
from socketscope.demo.users import Crowd, Pace

ROUNDS = 6
# What the handler raises at each mistake, as `error.type` names it.
RAISED = dict(zip(MISTAKES, ("ZeroDivisionError", "KeyError", "json.decoder.JSONDecodeError"), strict=True))


@dataclass(slots=True)
class Account(Ledger):
    """The ledger of one room on one replica."""

    instance: str = ""
    room: str = ""
    messages: Counter = field(default_factory=Counter)
    sizes: Counter = field(default_factory=Counter)
    ended: Counter = field(default_factory=Counter)
    raised: Counter = field(default_factory=Counter)

    def received(self, payload):
        Ledger.received(self, payload)
        self._message("receive", payload)

    def sent(self, payload):
        Ledger.sent(self, payload)
        self._message("transmit", payload)

    def left(self):
        Ledger.left(self)
        self.ended["client"] += 1

    def lost(self):
        Ledger.lost(self)
        self.ended["network"] += 1

    def failed(self):
        Ledger.failed(self)
        self.ended["server"] += 1

    def shut_down(self):
        """Count a connection that the server closed because it stops."""
        self.open_connections -= 1
        self.ended["shutdown"] += 1

    def cut(self):
        """Forget a connection whose server was killed: nobody could report its end."""
        self.open_connections -= 1

    def _message(self, direction, payload):
        self.messages[direction, "text" if isinstance(payload, str) else "binary"] += 1
        self.sizes[direction, payload_bytes(payload)] += 1

    def tally(self):
        """All counts, by what they count and the attributes that they are asked by."""
        counts = Counter(
            {
                ("handshakes", "accepted"): self.connections_accepted,
                ("handshakes", "denied"): self.connections_denied,
                ("instance", self.instance): self.messages_received + self.messages_sent,
                ("open",): self.open_connections,
            }
        )
        for direction, messages, size in (
            ("receive", self.messages_received, self.bytes_received),
            ("transmit", self.messages_sent, self.bytes_sent),
        ):
            counts["bytes", direction] += size
            counts["channel", self.room, direction] += messages
            counts["channel bytes", self.room, direction] += size
        for (direction, kind), messages in self.messages.items():
            counts["messages", direction] += messages
            counts["messages by type", direction, kind] += messages
        for (direction, size), messages in self.sizes.items():
            counts["size", direction, size] += messages
        for initiator, connections in self.ended.items():
            counts["closed", initiator] += connections
        for error, times in self.raised.items():
            counts["errors", error] += times
        return +counts  # a counter that never counted has no series


class Clients:
    """The clients of one replica, which OpenTelemetry knows as `instance`: an account for each of its rooms."""

    def __init__(self, instance, url, names, *, seed):
        self.url = url
        self.accounts = [Account(instance=instance, room=name) for name in names]
        self.rooms = [Room(account.room, [url], account) for account in self.accounts]
        self._plans = [
            RoomPlan(name, f"{seed}/{name}", index, tuple(f"{name}-{place}" for place in range(6)), talk=30)
            for index, name in enumerate(names)
        ]

    async def live(self, *, seconds):
        """Come, talk, and go in all the ways there are, until nobody is left."""
        async with asyncio.TaskGroup() as group:
            for plan, account in zip(self._plans, self.accounts, strict=True):
                pace = Pace(seconds, hold=0.2)
                crowd = Crowd(Plan((plan,), len(plan.regulars)), [self.url], account, pace, rounds=ROUNDS)
                group.create_task(crowd.run())
                account.raised.update(_raised(plan))

    async def gather(self, members):
        """Let so many come into each room and talk; nothing is in flight afterwards."""
        for room in self.rooms:
            for place in range(members):
                await room.join(f"{room.name}-gathered-{place}")
            for user in list(room.members):
                await room.say(Say(user, text="¿qué tal?"))
                await room.say(Say(user, attachment=3000))
            await room.barrier()

    async def thin_out(self, members):
        """Let them leave until so many are in each room; nothing is in flight afterwards."""
        for room in self.rooms:
            for user in list(room.members)[members:]:
                await room.depart(Depart(user, "leave"))
            await room.barrier()

    async def part(self, *, code):
        """See all connections end with the close `code`, None: without a close frame; nothing else arrives."""
        for room, account in zip(self.rooms, self.accounts, strict=True):
            for member in room.members.values():
                async with asyncio.timeout(PATIENCE):
                    ended = await member._reader
                assert (ended, member.received) == (code, member.due), f"{member.user} got {ended}, {member.received}"
                if code is None:
                    account.cut()
                else:
                    account.shut_down()
            room.members.clear()

    def tally(self):
        """The counts of all rooms."""
        return sum((account.tally() for account in self.accounts), Counter())


def _raised(plan):
    """What the handler raises in the rounds that `Clients.live` takes from the plan."""
    steps = (step for phase in islice(plan.phases(), 2 + ROUNDS) for step in phase)
    return Counter(RAISED[step.mistake] for step in steps if isinstance(step, Depart) and step.how == "raise")

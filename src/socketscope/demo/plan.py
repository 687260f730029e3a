"""What the simulated users do, as data: the same seed gives the same steps, whatever the machine's pace.

A room's life is an opening (people join and talk), a hold with everybody connected, then rounds in which one departs,
the rest talks on and another one arrives. Errors come in a burst, in all rooms at the same time. Who is still there at
the end leaves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Final, Literal

ROUNDS: Final = 14
"""Rounds of a bounded run: with 100 users they make for 230 accepted connections."""
BURST: Final = (1, 2)
"""Of so many rounds, those in which whoever departs makes the handler raise; in all others nobody does."""
ROOM_SIZE: Final = 10
SMALLEST: Final = 3
"""A room needs somebody who sees that another one has gone, also when one place is left empty."""

ROOM_NAMES = ("lobby", "kitchen", "garden", "café", "library", "workshop", "attic", "harbour", "station", "market")
PEOPLE = ("ana", "bruno", "chloé", "dmitri", "esra", "femi", "greta", "hana", "ibrahim", "jürgen", "kofi", "lucía")
LINES = (
    "hello",
    "is anybody here?",
    "¿qué tal?",
    "see you at eight 🎉",
    "the build is green again",
    "おはようございます",
    "I pushed the branch; would somebody look at the second commit before lunch? It is the part that worries me.",
    "da gibt es Käse und Brötchen",
    "ok",
    "+1",
)
REFUSED = ("mallory", "trudy", None)
MISTAKES = (
    json.dumps({"action": "split", "amount": 84.5, "people": 0}),
    json.dumps({"action": "say"}),
    '{"action": "say", "text": "cut sh',
)
"""Messages that the chat's handler does not survive: a division by zero, a missing key, malformed JSON."""

Departure = Literal["leave", "vanish", "raise"]


@dataclass(frozen=True, slots=True)
class Join:
    """`user` connects to the room."""

    user: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Somebody who may not enter tries to; `user` None gives no name."""

    user: str | None


@dataclass(frozen=True, slots=True)
class Say:
    """One message of `user`: the text, or an attachment of so many bytes."""

    user: str
    text: str = ""
    attachment: int = 0


@dataclass(frozen=True, slots=True)
class Talk:
    """Messages that are sent one after the other without waiting for an answer."""

    messages: tuple[Say, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait until all rooms are here, then stay connected for a while."""


@dataclass(frozen=True, slots=True)
class Depart:
    """`user` goes: with a close handshake, without a word, or by a message that makes the handler raise."""

    user: str
    how: Departure
    mistake: str = ""


Step = Join | Refused | Talk | Hold | Depart


@dataclass(slots=True)
class _Room:
    rng: Random
    index: int
    regulars: list[str]
    talk: int
    """Messages of the opening, and of each round."""
    present: list[str]
    gone: list[str]
    newcomers: int = 0

    def talking(self) -> Talk:
        return Talk(tuple(self.message() for _ in range(self.talk)))

    def message(self) -> Say:
        user = self.rng.choice(self.present)
        if self.rng.random() < 0.15:
            return Say(user, attachment=self.rng.choice((1, 64, 500, 2048, 6000)))
        return Say(user, text=self.rng.choice(LINES))

    def arrival(self) -> str:
        # Half of those who arrive have been here before, so there are fewer users than connections.
        if self.gone and self.rng.random() < 0.5:
            return self.gone.pop(self.rng.randrange(len(self.gone)))
        self.newcomers += 1
        return f"{self.rng.choice(PEOPLE)}-{self.index}-new{self.newcomers}"

    def opening(self) -> Iterator[Step]:
        share, rest = divmod(self.talk, len(self.regulars))
        for position, user in enumerate(self.regulars):
            yield Join(user)
            self.present.append(user)
            yield Talk(tuple(self.message() for _ in range(share + (position < rest))))
        yield Refused(self.rng.choice(REFUSED))

    def round(self, number: int) -> Iterator[Step]:
        user = self.present.pop(self.rng.randrange(len(self.present)))
        how: Departure = "raise" if number % ROUNDS in BURST else self.rng.choices(("leave", "vanish"), (2, 1))[0]
        yield Depart(user, how, self.rng.choice(MISTAKES) if how == "raise" else "")
        yield self.talking()
        # The first one to go is not replaced: from here on there are always fewer than in the hold, also for a
        # moment in which the server has not yet taken leave of one and greets the next.
        if number > 0:
            arriving = self.arrival()
            yield Join(arriving)
            self.present.append(arriving)
        self.gone.append(user)
        if self.rng.random() < 0.2:
            yield Refused(self.rng.choice(REFUSED))


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """One room's steps. `rounds()` never ends; a bounded run takes the first `ROUNDS`."""

    name: str
    seed: str
    index: int
    regulars: tuple[str, ...]
    talk: int

    def phases(self) -> Iterator[tuple[Step, ...]]:
        """Yield the opening, the hold, and rounds without end; each time from the start, each time the same."""
        room = _Room(Random(self.seed), self.index, list(self.regulars), self.talk, [], [])  # noqa: S311 - a plan must repeat
        yield tuple(room.opening())
        yield (Hold(),)
        number = 0
        while True:
            yield tuple(room.round(number))
            number += 1


@dataclass(frozen=True, slots=True)
class Plan:
    """All rooms of a run."""

    rooms: tuple[RoomPlan, ...]
    users: int

    def bounded(self) -> tuple[tuple[str, tuple[tuple[Step, ...], ...]], ...]:
        """Each room's name and its phases: opening, hold and `ROUNDS` rounds."""
        return tuple((room.name, tuple(islice(room.phases(), 2 + ROUNDS))) for room in self.rooms)


def make_plan(*, seed: int, users: int, messages: int) -> Plan:
    """Plan for `users` connected at the same time, about `messages` sent by them in a bounded run.

    Raises `ValueError` for fewer than three users or fewer than one message.
    """
    if users < SMALLEST:
        raise ValueError(f"users={users}: at least {SMALLEST} are needed, so that one sees the other leave")
    if messages < 1:
        raise ValueError(f"messages={messages}: at least one is needed")
    count = max(1, users // ROOM_SIZE)
    talk = -(-messages // (count * (1 + ROUNDS)))
    rooms = []
    for index in range(count):
        size = users // count + (index < users % count)
        name = ROOM_NAMES[index % len(ROOM_NAMES)] + ("" if index < len(ROOM_NAMES) else f"-{index}")
        # Every room's first regular also sits in the next room: one user, two connections.
        own = [f"{PEOPLE[place % len(PEOPLE)]}-{index}-{place}" for place in range(size)]
        own[0] = f"{PEOPLE[0]}-{index // 2}"
        rooms.append(RoomPlan(name, f"{seed}/{index}", index, tuple(own), talk))
    return Plan(tuple(rooms), users)

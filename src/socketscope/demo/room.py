"""One room of the chat with its simulated users, who keep account of everything that goes over their sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

if TYPE_CHECKING or __package__:
    from .ledger import Ledger
    from .plan import Depart, Say
else:  # started by its file path: nothing of the package around it is loaded
    from ledger import Ledger
    from plan import Depart, Say

PATIENCE = 30.0
"""Seconds after which a message that did not arrive is taken for lost."""
MARKER = "everybody still here?"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class UnexpectedError(Exception):
    """The server did something that the ledger can't account for; the run is worth nothing."""


class Member:
    """One connection: reads all the time, counts, and knows how many messages are due to it."""

    def __init__(self, user: str, websocket: ClientConnection, ledger: Ledger) -> None:
        self.user = user
        self.received = 0
        self.due = 0
        self.markers = 0
        self._websocket = websocket
        self._ledger = ledger
        self._changed = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> int | None:
        """Read until the connection ends; the close code that the server sent, None where it sent none."""
        try:
            while True:
                payload = await self._websocket.recv()
                self._ledger.sent(payload)
                self.received += 1
                if isinstance(payload, str) and MARKER in payload:
                    self.markers += 1
                self._changed.set()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None
        finally:
            self._changed.set()

    async def send(self, payload: str | bytes) -> None:
        """Send a message and count it as one that the server receives."""
        await self._websocket.send(payload)
        self._ledger.received(payload)

    async def caught_up(self, *, markers: int) -> None:
        """Wait until all that is due and `markers` markers have arrived, and not one message more."""
        try:
            async with asyncio.timeout(PATIENCE):
                while (self.received < self.due or self.markers < markers) and not self._reader.done():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pass
        if (self.received, self.markers) != (self.due, markers):
            raise UnexpectedError(
                f"{self.user} has {self.received} of {self.due} messages, {self.markers} of {markers} markers"
                + (", and the connection is gone" if self._reader.done() else "")
            )

    async def leave(self) -> None:
        """Close with a close handshake."""
        await self._websocket.close()
        if await self._reader != 1000:
            raise UnexpectedError(f"{self.user} left, and the server did not answer the close frame")

    async def vanish(self) -> None:
        """Reset the TCP connection: the server gets no close frame."""
        self._websocket.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE
        )
        self._websocket.transport.abort()
        await self._reader

    async def break_down(self, mistake: str) -> None:
        """Send what makes the handler raise, and wait until the server has dropped the connection."""
        await self.send(mistake)
        async with asyncio.timeout(PATIENCE):
            code = await self._reader
        if code == 1000:
            raise UnexpectedError(f"the handler took {mistake!r} from {self.user} and closed in good order")

    def drop(self) -> None:
        """Let go of everything, for a run that failed."""
        self._reader.cancel()
        self._websocket.transport.abort()


class Room:
    """The members of one room, each at the next of the chat's processes.

    After `join`, `barrier` and `depart` nothing is in flight in either direction.
    """

    def __init__(self, name: str, urls: Sequence[str], ledger: Ledger) -> None:
        self.name = name
        self.members: dict[str, Member] = {}
        self._urls = cycle(f"{url.rstrip('/')}/ws/{quote(name)}" for url in urls)
        self._ledger = ledger

    async def join(self, user: str) -> None:
        """Connect `user`; everybody, the new one too, is told by the server."""
        await self.barrier()
        websocket = await self._connect(user)
        self._ledger.accepted(user, self.name)
        self.members[user] = Member(user, websocket, self._ledger)
        await self._all_are_told()

    async def refused(self, user: str | None) -> None:
        """Try to enter as somebody who may not."""
        try:
            websocket = await self._connect(user)
        except InvalidStatus as refusal:
            if refusal.response.status_code != 403:
                raise
            self._ledger.denied()
            return
        websocket.transport.abort()
        raise UnexpectedError(f"{user!r} was let in, which the ledger can't account for")

    async def say(self, message: Say) -> None:
        """Send one message and go on; everybody, the sender too, is due a copy."""
        sender = self.members[message.user]
        await sender.send(bytes(message.attachment) if message.attachment else _spoken(message.text))
        for member in self.members.values():
            member.due += 1

    async def barrier(self) -> None:
        """Wait until nothing is in flight.

        Each member sends a marker. A handler takes its messages one after the other, so a marker that all have
        got shows that all that its sender sent before has been handled, and all that it caused has arrived.
        """
        before = {member: member.markers for member in self.members.values()}
        for user in list(self.members):
            await self.say(Say(user, text=MARKER))
        for member, markers in before.items():
            await member.caught_up(markers=markers + len(before))

    async def depart(self, step: Depart) -> None:
        """Let a member go once nothing is in flight, and wait until the others have been told."""
        await self.barrier()
        member = self.members.pop(step.user)
        if step.how == "leave":
            await member.leave()
            self._ledger.left()
        elif step.how == "vanish":
            await member.vanish()
            self._ledger.lost()
        else:
            await member.break_down(step.mistake)
            self._ledger.failed()
        await self._all_are_told()

    async def close(self) -> None:
        """Let all leave, one after the other."""
        for user in list(self.members):
            await self.depart(Depart(user, "leave"))

    def drop(self) -> None:
        """Let go of everything, for a run that failed."""
        for member in self.members.values():
            member.drop()

    async def _all_are_told(self) -> None:
        members = list(self.members.values())
        for member in members:
            member.due += 1
        for member in members:
            await member.caught_up(markers=member.markers)

    async def _connect(self, user: str | None) -> ClientConnection:
        query = "" if user is None else "?" + urlencode({"user": user})
        # No proxy, compression or pings of our own: what is sent is what the chat's messages are.
        return await connect(next(self._urls) + query, proxy=None, compression=None, ping_interval=None)


def _spoken(text: str) -> str:
    return json.dumps({"action": "say", "text": text}, ensure_ascii=False)

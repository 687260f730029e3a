"""What waits for one client: a bounded queue, in which each channel's messages are treated by that channel's policy."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from socketscope.hub.options import Coalesce, Disconnect, DropOldest, Limits, Policy
from socketscope.hub.outgoing import Outgoing
from socketscope.telemetry.ledger import COALESCED, NEWEST, OLDEST, Ledger

QUEUED: Final = -1
FULL: Final = -2
"""The queue is full and the policy is to cut the client off."""


class Lane:
    """The messages of one channel in one client's queue."""

    __slots__ = ("keys", "ledger", "policy", "waiting")

    def __init__(self, policy: Policy, ledger: Ledger) -> None:
        self.policy = policy
        self.ledger = ledger
        self.waiting: dict[int, None] = {}
        """Numbers of the entries, oldest first."""
        self.keys: dict[str, int] = {}
        """Where messages are coalesced: key -> number of the entry that waits."""


class Outbox:
    """The queue of one client. Messages leave in the order in which they came.

    A message that is being sent (`sending`) counts in `bytes` until it is done.
    """

    __slots__ = ("_entries", "_limits", "_number", "bytes", "sending")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._entries: OrderedDict[int, tuple[Outgoing, Lane]] = OrderedDict()
        self._number = 0
        self.bytes = 0
        self.sending: tuple[Outgoing, Lane] | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, message: Outgoing, lane: Lane) -> int:
        """Queue a message; returns QUEUED, FULL or the reason why it is dropped (`telemetry.ledger.REASONS`).

        Older messages that have to go for it are counted in their ledger; the message itself is the caller's to count.
        """
        policy = lane.policy
        key = ""
        if isinstance(policy, Coalesce):
            key = message.key or ""
            if (number := lane.keys.get(key)) is not None:
                self._drop(number, COALESCED)
        if self._is_full(message):
            if isinstance(policy, Disconnect):
                return FULL
            if isinstance(policy, DropOldest | Coalesce):
                while lane.waiting and self._is_full(message):
                    self._drop(next(iter(lane.waiting)), OLDEST)
            if self._is_full(message):
                return NEWEST
        self._number += 1
        self._entries[self._number] = (message, lane)
        self.bytes += message.size
        lane.waiting[self._number] = None
        if isinstance(policy, Coalesce):
            lane.keys[key] = self._number
        return QUEUED

    def begin(self) -> Outgoing | None:
        """Take the oldest message out to be sent; None: nothing waits. Tell its end by `done` or `failed`."""
        if not self._entries:
            return None
        number, (message, lane) = self._entries.popitem(last=False)
        self._forget(number, message, lane)
        self.sending = (message, lane)
        return message

    def done(self) -> tuple[Outgoing, Lane]:
        """Count the message that was being sent as delivered, and give it."""
        sent = self._sent()
        sent[1].ledger.settled(sent[0].size)
        return sent

    def failed(self, reason: int) -> None:
        """Count the message that was being sent as dropped."""
        self._sent()[1].ledger.discarded(reason)

    def clear(self, reason: int) -> None:
        """Drop everything."""
        if self.sending is not None:
            self.failed(reason)
        for number in list(self._entries):
            self._drop(number, reason)

    def pending(self) -> Iterator[Lane]:
        """Yield the lane of each message that is in the queue or being sent."""
        if self.sending is not None:
            yield self.sending[1]
        for _, lane in self._entries.values():
            yield lane

    def _is_full(self, message: Outgoing) -> bool:
        limits = self._limits
        return len(self._entries) >= limits.queue_messages or self.bytes + message.size > limits.queue_bytes

    def _sent(self) -> tuple[Outgoing, Lane]:
        sent = self.sending
        if sent is None:
            raise RuntimeError("no message is being sent")
        self.sending = None
        self.bytes -= sent[0].size
        return sent

    def _drop(self, number: int, reason: int) -> None:
        message, lane = self._entries.pop(number)
        self._forget(number, message, lane)
        self.bytes -= message.size
        lane.ledger.discarded(reason)

    def _forget(self, number: int, message: Outgoing, lane: Lane) -> None:
        del lane.waiting[number]
        if lane.keys and lane.keys.get(message.key or "") == number:
            del lane.keys[message.key or ""]

"""What is known of one connection: the data that the state machine writes and every reader reads."""

from __future__ import annotations

from itertools import islice
from typing import Final

from socketscope import semconv
from socketscope.telemetry.accumulators import Attributes
from socketscope.telemetry.connections import Where
from socketscope.telemetry.tally import Share, Tally
from socketscope.telemetry.traffic import NOTHING, ChannelTraffic, Flow, Traffic

UNKNOWN_ROUTE = "_unknown"
"""Route of a connection whose framework told none."""

NOWHERE = Traffic()
"""Where connections count that nobody reports: before they are accepted, and where the application wants it so."""

WAITED: Final = 1_000_000
"""A send that took longer, in nanoseconds, had to wait for the client; without back-pressure it takes some 30 us."""

_NO_PLACE: Where = (UNKNOWN_ROUTE, None)

Totals = tuple[int, int, int, int]
"""Messages received and sent, bytes received and sent."""

_NOTHING_BEFORE: Totals = (0, 0, 0, 0)


REMEMBERED: Final = 256
"""So many channels of one connection are named in its events."""


class ConnectionRecord:
    """One connection. Times named `*_at` are of the monotonic clock, `*_wall` of the wall clock; nanoseconds.

    `code` is None while the connection is open; `error_type` is empty unless its handler raised. What its messages
    change (`instrumentation/meter.py`):

    * `receive`, `transmit`: of this connection alone; `Accumulators.fold` adds them to what connections share.
    * `handling`: the durations that it shares with the others of its attribute set.
    * `received_at`, `sent_at`: the last message each way; `handling_since`: the receipt of the message that is being
      handled, or 0.
    * `segment_wall`, `segment_before`: when the running segment of its trace began, and what it had done before.
    * `handling_max`, `send_max`: the longest of the running segment, in nanoseconds. A handling longer than
      `handling_notable` is looked at: it is the longest, or a slow one.
    """

    __slots__ = (
        "accepted_at",
        "accepted_wall",
        "channel_traffic",
        "channels",
        "client_address",
        "code",
        "error_type",
        "errors",
        "folded",
        "handling",
        "handling_max",
        "handling_notable",
        "handling_since",
        "id",
        "initiator",
        "left",
        "reason",
        "receive",
        "received_at",
        "route",
        "segment_before",
        "segment_index",
        "segment_wall",
        "send_max",
        "sent_at",
        "shares",
        "started_at",
        "started_wall",
        "status",
        "subprotocol",
        "traffic",
        "transmit",
        "user",
        "user_agent",
        "user_hash",
        "where",
    )

    def __init__(self, connection_id: str, started_at: int, started_wall: int) -> None:
        self.id = connection_id
        self.started_at = started_at
        self.started_wall = started_wall
        self.accepted_at = self.accepted_wall = 0
        self.route = UNKNOWN_ROUTE
        self.where = _NO_PLACE
        self.status = self.errors = 0
        self.subprotocol: str | None = None
        self.client_address: str | None = None
        self.user_agent: str | None = None
        self.user: str | None = None
        self.user_hash: str | None = None
        self.channels: dict[str, str] = {}
        """Name of a channel -> its bounded name on metrics."""
        self.left: dict[str, None] | None = None
        """The channels that it has left, the first `REMEMBERED`."""
        self.channel_traffic: tuple[ChannelTraffic, ...] = ()
        """The totals of each bounded name, once."""
        self.code: int | None = None
        self.initiator = self.reason = self.error_type = ""
        self.segment_index = 0
        self.segment_wall = started_wall
        self.segment_before = _NOTHING_BEFORE
        self.receive, self.transmit = Flow(), Flow()
        self.folded = NOTHING
        """What was received and `sent_in_all()`, as it is in the totals that connections share."""
        self.shares: tuple[Share, ...] = ()
        """What it is sent together with others."""
        self.traffic = NOWHERE
        self.handling = NOWHERE.handling
        self.received_at = self.sent_at = self.handling_since = 0
        self.handling_max = self.handling_notable = self.send_max = 0

    def leave(self, channel: str) -> None:
        """Remember a channel that the connection was in."""
        if self.left is None:
            self.left = {}
        if len(self.left) < REMEMBERED:
            self.left[channel] = None

    @property
    def been_in(self) -> tuple[str, ...]:
        """Give every channel that it joined, whether it has left it or not: at most `REMEMBERED`."""
        if not self.left and len(self.channels) <= REMEMBERED:
            return tuple(self.channels)
        return tuple(islice(dict.fromkeys((*(self.left or ()), *self.channels)), REMEMBERED))

    def count_into(self, traffic: Traffic) -> None:
        """Count from zero, and for `traffic` from now on."""
        self.traffic = traffic
        self.handling = traffic.handling
        self.handling_since = 0
        if self.receive.text or self.receive.binary or self.transmit.text or self.transmit.binary:
            self.receive.clear()
            self.transmit.clear()

    def handled(self, now: int) -> int:
        """End the handling of the message in hand; give how long it took in nanoseconds, 0 where there is none."""
        if not self.handling_since:
            return 0
        taken = now - self.handling_since
        self.handling_since = 0
        self.handling.record(taken)
        self.handling_max = max(self.handling_max, taken)
        return taken

    def waited(self, nanoseconds: int) -> None:
        """Note how long a send took, if it had to wait."""
        if nanoseconds > WAITED:
            self.traffic.send_wait.record(nanoseconds)
            self.send_max = max(self.send_max, nanoseconds)

    def begin_segment(self, now_wall: int) -> None:
        """Begin the next segment: the longest handling and send are of each segment."""
        self.segment_index += 1
        self.segment_wall = now_wall
        self.segment_before = self.totals()
        self.handling_max = self.handling_notable = self.send_max = 0

    def sent_in_all(self) -> Flow:
        """Give what was sent, alone and together with others; to be read."""
        shares = self.shares
        if not shares:
            return self.transmit
        sent = self.transmit.copy()
        for share in shares:
            sent.grow(share.tally, share.base)
        return sent

    def take_part(self, tally: Tally) -> Share:
        """Be sent what is counted there from now on."""
        share = Share(tally)
        self.shares = (*self.shares, share)
        return share

    def take_no_part(self, share: Share) -> None:
        """Be sent it no longer. `Accumulators.end_share` calls this: it is two steps to a reader."""
        if share not in self.shares:
            return
        self.shares = tuple(other for other in self.shares if other is not share)
        self.transmit.grow(share.tally, share.base)
        self.sent_at = max(self.sent_at, share.at)

    @property
    def messages_received(self) -> int:
        """Messages since accept."""
        return self.receive.messages

    @property
    def messages_sent(self) -> int:
        """Messages since accept."""
        return self.sent_in_all().messages

    @property
    def bytes_received(self) -> int:
        """Bytes of payload since accept."""
        return self.receive.bytes

    @property
    def bytes_sent(self) -> int:
        """Bytes of payload since accept."""
        return self.sent_in_all().bytes

    def totals(self) -> Totals:
        """Give what the connection did since accept."""
        sent = self.sent_in_all()
        return self.receive.messages, sent.messages, self.receive.bytes, sent.bytes

    @property
    def last_activity(self) -> int:
        """When the connection was accepted or had its last message, on the monotonic clock."""
        return max(self.accepted_at, self.received_at, self.sent_at, *(share.at for share in self.shares))

    @property
    def lost(self) -> bool:
        """Whether the link was lost: the end came with no close frame."""
        return self.initiator == "network"


def error_type(error: BaseException) -> str:
    """Give the value of `error.type`: the class, with its module unless it is a builtin.

    A group with one exception in it (a task group whose only failure it was) says no more than that exception.
    """
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def identity_attributes(record: ConnectionRecord) -> Attributes:
    """Give what tells this connection from others, for spans and events."""
    attributes: Attributes = {
        semconv.CONNECTION_ID.name: record.id,
        semconv.HTTP_ROUTE.name: record.route,
        semconv.PROTOCOL_NAME.name: "websocket",
    }
    if record.where[1] is not None:
        attributes[semconv.SERVER_PORT.name] = record.where[1]
    for attribute, value in (
        (semconv.SUBPROTOCOL, record.subprotocol),
        (semconv.CLIENT_ADDRESS, record.client_address),
        (semconv.USER_AGENT, record.user_agent),
        (semconv.USER_HASH, record.user_hash),
    ):
        if value:
            attributes[attribute.name] = value
    return attributes


def life_attributes(record: ConnectionRecord) -> Attributes:
    """Give the totals since accept and, where the connection has ended, how."""
    received, sent, bytes_received, bytes_sent = record.totals()
    attributes: Attributes = {
        semconv.MESSAGES_RECEIVED.name: received,
        semconv.MESSAGES_SENT.name: sent,
        semconv.BYTES_RECEIVED.name: bytes_received,
        semconv.BYTES_SENT.name: bytes_sent,
        semconv.ERRORS.name: record.errors,
    }
    if record.code is not None:
        attributes[semconv.CLOSE_CODE.name] = record.code
        attributes[semconv.CLOSE_INITIATOR.name] = record.initiator
        if record.reason:
            attributes[semconv.CLOSE_REASON.name] = record.reason
    if record.error_type:
        attributes[semconv.ERROR_TYPE.name] = record.error_type
    return attributes

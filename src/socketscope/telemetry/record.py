"""What is known of one connection: the data that the state machine writes and every reader reads."""

from __future__ import annotations

from typing import Final

from socketscope import semconv
from socketscope.telemetry.accumulators import Where
from socketscope.telemetry.traffic import ChannelTraffic, Traffic

UNKNOWN_ROUTE = "_unknown"
"""Route of a connection whose framework told none."""


class Counts:
    """Messages and payload bytes each way, and the two maxima in nanoseconds."""

    __slots__ = (
        "bytes_received",
        "bytes_sent",
        "handling_max",
        "messages_received",
        "messages_sent",
        "send_max",
    )

    def __init__(self) -> None:
        self.messages_received = 0
        self.messages_sent = 0
        self.bytes_received = 0
        self.bytes_sent = 0
        self.handling_max = 0
        self.send_max = 0


class Segment:
    """Where the running segment began: its wall clock and the connection's counts at that moment."""

    __slots__ = (
        "bytes_received",
        "bytes_sent",
        "index",
        "messages_received",
        "messages_sent",
        "start_wall",
    )

    def __init__(self, index: int, start_wall: int, counts: Counts) -> None:
        self.index = index
        self.start_wall = start_wall
        self.messages_received = counts.messages_received
        self.messages_sent = counts.messages_sent
        self.bytes_received = counts.bytes_received
        self.bytes_sent = counts.bytes_sent


REMEMBERED: Final = 256
"""So many channels of one connection are named in its events."""


class ConnectionRecord(Counts):
    """One connection. Times named `*_at` are of the monotonic clock, `*_wall` of the wall clock; nanoseconds.

    `code` is None while the connection is open; `error_type` is empty unless its handler raised.
    """

    __slots__ = (
        "accepted_at",
        "accepted_wall",
        "been_in",
        "channel_traffic",
        "channels",
        "client_address",
        "code",
        "error_type",
        "errors",
        "id",
        "initiator",
        "last_activity",
        "reason",
        "route",
        "segment",
        "started_at",
        "started_wall",
        "status",
        "subprotocol",
        "traffic",
        "user",
        "user_agent",
        "user_hash",
        "where",
    )

    def __init__(self, connection_id: str, started_at: int, started_wall: int) -> None:
        super().__init__()
        self.id = connection_id
        self.started_at = started_at
        self.started_wall = started_wall
        self.accepted_at = 0
        self.accepted_wall = 0
        self.last_activity = started_at
        self.route = UNKNOWN_ROUTE
        self.where: Where = (UNKNOWN_ROUTE, None)
        self.status = 0
        self.subprotocol: str | None = None
        self.client_address: str | None = None
        self.user_agent: str | None = None
        self.user: str | None = None
        self.user_hash: str | None = None
        self.channels: dict[str, str] = {}
        """Name of a channel -> its bounded name on metrics."""
        self.been_in: dict[str, None] = {}
        """Every channel that it joined, the first `REMEMBERED`, whether it has left it or not."""
        self.channel_traffic: tuple[ChannelTraffic, ...] = ()
        """The cells of each bounded name, once."""
        # Before accept nothing is a message of a connection: what an application sends out of order goes nowhere.
        self.traffic = Traffic()
        self.errors = 0
        self.code: int | None = None
        self.initiator = ""
        self.reason = ""
        self.error_type = ""
        self.segment = Segment(0, started_wall, self)

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


def identity_attributes(record: ConnectionRecord) -> dict[str, str | int]:
    """Give what tells this connection from others, for spans and events."""
    attributes: dict[str, str | int] = {
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


def life_attributes(record: ConnectionRecord) -> dict[str, str | int]:
    """Give the totals since accept and, where the connection has ended, how."""
    attributes: dict[str, str | int] = {
        semconv.MESSAGES_RECEIVED.name: record.messages_received,
        semconv.MESSAGES_SENT.name: record.messages_sent,
        semconv.BYTES_RECEIVED.name: record.bytes_received,
        semconv.BYTES_SENT.name: record.bytes_sent,
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

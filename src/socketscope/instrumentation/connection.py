"""One connection as a pure state machine: ASGI messages and a clock in, new states out.

It neither awaits nor calls OpenTelemetry, and tells a change by returning the state that it led to. Messages with data
change no state: they are counted in `meter.py`.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Mapping
from enum import Enum
from typing import Any

from socketscope.instrumentation.identity import clean
from socketscope.telemetry.record import ConnectionRecord, error_type

NO_STATUS = 1005
"""RFC 6455, 7.4.1: the close frame had no code."""
ABNORMAL = 1006
"""RFC 6455, 7.4.1: there was no close frame."""
SERVICE_RESTART = 1012
"""IANA registry of close codes; uvicorn, hypercorn and daphne send it when they shut down."""

_FOUND_BY_SERVER = frozenset({1002, 1007, 1009})
"""Codes of a disconnect by which the server's protocol layer refuses what the client sent (RFC 6455, 7.4.1)."""


class State(Enum):
    """Where the connection is; `REFUSED` and `ENDED` are final."""

    HANDSHAKE = "handshake"
    OPEN = "open"
    REFUSED = "refused"
    ENDED = "ended"


# Looking a member up in its Enum takes as long as a call on Python 3.11, and every connection would some twenty times.
HANDSHAKE, OPEN, REFUSED, ENDED = State.HANDSHAKE, State.OPEN, State.REFUSED, State.ENDED


class Connection(ConnectionRecord):
    """The state machine of one connection. `now` is always the monotonic clock in nanoseconds.

    `outcome` is the handshake's (`websocket.handshake.outcome`), empty before its end. Whatever the order of the
    messages, legal or not, nothing is raised and every end is told once.
    """

    __slots__ = (
        "_cancels_itself",
        "_gone",
        "_left",
        "_raised_in",
        "ended_at",
        "outcome",
        "receives_text",
        "sends_text",
        "state",
    )

    def __init__(self, connection_id: str, started_at: int, started_wall: int) -> None:
        ConnectionRecord.__init__(self, connection_id, started_at, started_wall)  # `super()` costs two calls more
        self.state = HANDSHAKE
        self.outcome = ""
        self.ended_at = 0
        self.receives_text: bool | None = None
        self.sends_text: bool | None = None
        """Whether the last message each way was text; None before the first. It is the meter's own."""
        self._gone: BaseException | None = None
        self._left: BaseException | None = None
        """By which the server told that nobody waits for the answer to the handshake."""
        self._cancels_itself = False
        self._raised_in: tuple[BaseException, str] | None = None

    def received(self, message: Mapping[str, Any], now: int) -> State | None:
        """Note what `receive()` returned."""
        return self._disconnected(message, now) if message.get("type") == "websocket.disconnect" else None

    def sent(self, message: Mapping[str, Any], now: int) -> State | None:
        """Note that `send(message)` returned."""
        kind = message.get("type")
        if kind == "websocket.accept":
            return self._accepted(message, now)
        if kind == "websocket.close":
            return self._closed_by_application(message, now)
        if kind == "websocket.http.response.start":
            self.status = _number(message, "status", 0)
        elif kind == "websocket.http.response.body" and not message.get("more_body", False):
            return self._refused("denied", self.status or 403, now)
        return None

    def cut(self, code: int, reason: str, now: int) -> State | None:
        """Note that the server drops the connection for this reason, without a word to the client."""
        return self._end(code, "server", reason, now)

    def send_failed(self, message: Mapping[str, Any], error: BaseException) -> None:
        """Note that `send(message)` raised: the client is gone, or the server objects to the message.

        Servers tell a client's departure by an `OSError` (uvicorn's `ClientDisconnected`) or, uvicorn's legacy
        protocol, by a `RuntimeError`; anything else is about the message.
        """
        self._raised_in = (error, "transmit")
        kind = message.get("type")
        if isinstance(error, OSError | RuntimeError) and kind in {"websocket.send", "websocket.close"}:
            self._gone = error
        if isinstance(error, OSError) and self.state is HANDSHAKE and kind in {"websocket.accept", "websocket.close"}:
            self._left = error

    def receive_failed(self, error: BaseException) -> None:
        """Note that `receive()` raised."""
        self._raised_in = (error, "receive")

    def cancels_itself(self) -> None:
        """Note that nobody cancelled the handler: a cancellation that it raises is its own, as of a task it awaits."""
        self._cancels_itself = True

    def failed_inside(self, error: BaseException) -> None:
        """Note that the handler raised, and that its framework is about to answer that itself."""
        self.error_type = error_type(error)

    def phase_of(self, error: BaseException) -> str:
        """Give what the connection was doing when `error` was raised: `websocket.phase`."""
        if self.state in {HANDSHAKE, REFUSED}:
            return "handshake"
        return self._raised_in[1] if self._raised_in is not None and self._raised_in[0] is error else "handle"

    @property
    def link_failed(self) -> bool:
        """Whether a send failed."""
        return self._gone is not None

    def finished(self, error: BaseException | None, now: int) -> State | None:
        """Note that the application returned, or raised `error`."""
        self.handled(now)
        if self.state is HANDSHAKE:
            if self._left is not None and (error is None or self.is_departure(error)):
                return self._refused("abandoned", 0, now)
            return self._refused("failed", 500, now, error_type(error) if error else "")
        if self.state is not OPEN:
            return None
        if error is not None and self._is_cancellation(error):
            return self._end(ABNORMAL, "shutdown", "", now)  # the server is going down
        if error is None or self.is_departure(error):
            return self._end(ABNORMAL, "network" if self._gone else "server", "", now)
        return self._end(ABNORMAL, "server", "", now, error_type(error))

    def is_departure(self, error: BaseException) -> bool:
        """Whether `error` says no more than that the client is gone, or that the server cancelled the handler."""
        if isinstance(error, BaseExceptionGroup):
            return all(self.is_departure(member) for member in error.exceptions)
        if not isinstance(error, Exception):
            return self._is_cancellation(error) or self.state is ENDED or self.link_failed
        if self.state is OPEN and self._gone is None:
            return False  # the client is still there: whatever left is another's
        if error is self._gone or error is self._left or type(error).__name__ in _DEPARTURES:
            return True
        # Only what was raised `from` a departure: an error in the clean-up after one has it as its context.
        return isinstance(error.__cause__, Exception) and self.is_departure(error.__cause__)

    def _is_cancellation(self, error: BaseException) -> bool:
        """Whether `error` comes from outside of the handler."""
        if isinstance(error, BaseExceptionGroup):
            return all(self._is_cancellation(member) for member in error.exceptions)
        if isinstance(error, CancelledError):
            return not self._cancels_itself
        return not isinstance(error, Exception)

    def _accepted(self, message: Mapping[str, Any], now: int) -> State | None:
        if self.state is not HANDSHAKE:
            return None
        self.state = OPEN
        self.outcome = "accepted"
        self.status = 101
        subprotocol = message.get("subprotocol")
        self.subprotocol = clean(subprotocol) if subprotocol else None
        self.accepted_at = now
        return OPEN

    def _closed_by_application(self, message: Mapping[str, Any], now: int) -> State | None:
        if self.state is HANDSHAKE:
            # The ASGI specification: a close before accept is HTTP 403; the code never reaches the client.
            return self._refused("denied", 403, now)
        if self._gone is not None:
            return None  # the client left before, and the next `receive()` tells how
        return self._end(_number(message, "code", 1000), "server", message.get("reason"), now)

    def _disconnected(self, message: Mapping[str, Any], now: int) -> State | None:
        if self.state is HANDSHAKE:
            return self._refused("abandoned", 0, now)
        code = _number(message, "code", NO_STATUS)
        # On uvicorn a lost link is 1005 with no `reason` at all, an empty close frame 1005 with an empty one.
        # On daphne an empty close frame has the code None; a lost link is 1006.
        told = message.get("code", NO_STATUS) is not None
        if code == ABNORMAL or (code == NO_STATUS and told and message.get("reason") is None):
            initiator = "network"
        elif code == SERVICE_RESTART:
            initiator = "shutdown"
        else:
            initiator = "server" if code in _FOUND_BY_SERVER else "client"
        return self._end(code, initiator, message.get("reason"), now)

    def _refused(self, outcome: str, status: int, now: int, error: str = "") -> State | None:
        if self.state is not HANDSHAKE:
            return None
        self.state = REFUSED
        self.error_type = error or self.error_type
        self.outcome = "failed" if self.error_type else outcome
        self.status = status
        self.ended_at = now
        return REFUSED

    def _end(self, code: int, initiator: str, reason: object, now: int, error: str = "") -> State | None:
        if self.state is not OPEN:
            return None
        self.state = ENDED
        self.code = code
        self.initiator = initiator
        self.reason = clean(reason)[:123] if reason else ""
        self.error_type = error or self.error_type
        self.ended_at = now
        return ENDED


_DEPARTURES = frozenset(
    {"WebSocketDisconnect", "ClientDisconnected", "ConnectionClosedOK", "ConnectionClosedError", "ClientGoneError"}
)
"""Exceptions by which frameworks, servers and the hub tell of a client's departure."""


def _number(message: Mapping[str, Any], key: str, default: int) -> int:
    # Servers give an IntEnum, None or a number; what an application gives is between it and its server.
    value = message.get(key)
    return int(value) if isinstance(value, int) and value else default

"""The path of every message: what `receive()` and `send()` of a watched connection do beside receiving and sending.

Nothing else runs per message, and services pass millions: no call of OpenTelemetry, no lock, nothing allocated that
stays, and what functions might share is written out. What passes is not changed, exceptions and cancellation neither.
`scripts/bench messages` tells what it costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from socketscope.instrumentation.asgi import Message, Receive, Send
from socketscope.instrumentation.connection import OPEN, Connection, State
from socketscope.telemetry.histogram import SIZE_CELL
from socketscope.telemetry.record import WAITED


class Listener(Protocol):
    """Is told of what does not happen with every message."""

    def changed(self, state: State) -> None:
        """Take note of a new state."""

    def handled(self, nanoseconds: int) -> None:
        """Take note of a handling that took longer than `handling_notable`."""

    def waited(self, nanoseconds: int) -> None:
        """Take note of a send that took longer than `WAITED`."""

    def send_failed(self, message: Message, nanoseconds: int, error: Exception) -> None:
        """Take note of a send that raised."""


NO_DATA = -1


def metered(
    connection: Connection, inner_receive: Receive, inner_send: Send, now: Callable[[], int], listener: Listener
) -> tuple[Receive, Send]:
    """Give `receive()` and `send()` so that their messages are counted. `now` is the monotonic clock in nanoseconds.

    A message that the server did not take is not counted.
    """
    received, sent = connection.receive, connection.transmit
    # Most connections have messages of one type each way, and that is tried first. What is not of it raises, as does
    # whatever else is rare: a size for which there is no cell yet, a message without data. Those are sorted out
    # "apart", as is everything before the first message (None).
    # Every variable that the two share is an object of its own for each connection.

    async def receive() -> Message:
        # Applications race this call and cancel it: nothing is kept across the await.
        since = connection.handling_since
        if since:
            connection.handling_since = 0
            taken = now() - since
            handling = connection.handling
            handling.cells[(taken - 1).bit_length()] += 1
            handling.total += taken
            if taken > connection.handling_notable:
                listener.handled(taken)
        try:
            message = await inner_receive()
        except Exception as error:
            connection.receive_failed(error)
            raise
        try:
            if connection.receives_text:
                text = message["text"]
                size = len(text)
                if not text.isascii():
                    size = len(text.encode("utf-8", "surrogatepass"))
                received.text[SIZE_CELL[size]] += 1
            elif connection.receives_text is None:
                size = _received_apart(connection, message, now(), listener)
                if size == NO_DATA:
                    return message
                connection.receives_text = _has_text(message)
            else:
                size = len(message["bytes"])
                received.binary[SIZE_CELL[size]] += 1
        except Exception:
            size = _received_apart(connection, message, now(), listener)
            if size == NO_DATA:
                return message
            connection.receives_text = _has_text(message)
        received.bytes += size
        connection.handling_since = connection.received_at = now()
        return message

    async def send(message: Message) -> None:
        started = now()
        try:
            await inner_send(message)
        except Exception as error:
            connection.send_failed(message, error)
            listener.send_failed(message, now() - started, error)
            raise
        try:
            if connection.sends_text:
                text = message["text"]
                size = len(text)
                if not text.isascii():
                    size = len(text.encode("utf-8", "surrogatepass"))
                sent.text[SIZE_CELL[size]] += 1
            elif connection.sends_text is None:
                size = _sent_apart(connection, message, now(), listener)
                if size == NO_DATA:
                    return
                connection.sends_text = _has_text(message)
            else:
                size = len(message["bytes"])
                sent.binary[SIZE_CELL[size]] += 1
        except Exception:
            size = _sent_apart(connection, message, now(), listener)
            if size == NO_DATA:
                return
            connection.sends_text = _has_text(message)
        sent.bytes += size
        connection.sent_at = at = now()
        if at > started + WAITED:
            listener.waited(at - started)

    return receive, send


def _received_apart(connection: Connection, message: Message, now: int, listener: Listener) -> int:
    if message.get("type") != "websocket.receive":
        state = connection.received(message, now)
        if state is not None:
            listener.changed(state)
        return NO_DATA
    if connection.state is OPEN and not connection.receive.messages:
        connection.traffic.first_message.record(now - connection.accepted_at)
    return connection.receive.count_apart(_data_of(message))


def _sent_apart(connection: Connection, message: Message, now: int, listener: Listener) -> int:
    if message.get("type") != "websocket.send":
        state = connection.sent(message, now)
        if state is not None:
            listener.changed(state)
        return NO_DATA
    return connection.transmit.count_apart(_data_of(message))


def _data_of(message: Message) -> Any:
    """Give the bytes or the text of a message; what has neither is taken for an empty text."""
    data = message.get("bytes")
    if data is None:
        data = message.get("text")
    return "" if data is None else data


def _has_text(message: Message) -> bool:
    return message.get("bytes") is None

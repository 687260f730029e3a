"""The path of every message: what `receive()` and `send()` of a watched connection do beside receiving and sending.

Nothing else runs per message, and services pass millions: no call of OpenTelemetry, no lock, nothing allocated that
stays, and what functions might share is written out. What passes is not changed, exceptions and cancellation neither.
`scripts/bench messages` tells what it costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from socketscope.instrumentation.asgi import Message, Receive, Send
from socketscope.instrumentation.connection import Connection, State, Transition
from socketscope.telemetry.histogram import SIZE_CELL

WAITED = 1_000_000
"""A send that took longer, in nanoseconds, had to wait for the client; without back-pressure it takes some 30 us."""


class Listener(Protocol):
    """Is told of what does not happen with every message."""

    def changed(self, transition: Transition) -> None:
        """Take note of a transition."""

    def handled(self, nanoseconds: int) -> None:
        """Take note of a handling that took longer than `handling_notable`."""


NO_DATA = -1


def metered_receive(
    connection: Connection, inner_receive: Receive, now: Callable[[], int], listener: Listener
) -> Receive:
    """Give `receive()` so that what it returns is counted. `now` is the monotonic clock in nanoseconds."""
    flow = connection.receive
    # Most connections have messages of one type, and those are looked at first. What is not of that type raises, as
    # does whatever else is rare: a size for which there is no cell yet, a message without data. That is sorted out
    # `apart`, as is everything before the first message (`texts` is None).
    texts: bool | None = None

    async def receive() -> Message:
        # Applications race this call and cancel it: nothing is kept across the await.
        since = connection.handling_since
        if since:
            connection.handling_since = 0
            taken = now() - since
            cell = (taken - 1).bit_length()
            handling = connection.handling
            handling.cells[cell] += 1
            handling.total += taken
            if taken > connection.handling_notable:
                listener.handled(taken)
        try:
            message = await inner_receive()
        except Exception as error:
            connection.receive_failed(error)
            raise
        try:
            if texts:
                text = message["text"]
                size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
                flow.text[SIZE_CELL[size]] += 1
            elif texts is None:
                size = apart(message)
                if size == NO_DATA:
                    return message
            else:
                size = len(message["bytes"])
                flow.binary[SIZE_CELL[size]] += 1
        except Exception:
            size = apart(message)
            if size == NO_DATA:
                return message
        flow.bytes += size
        connection.handling_since = connection.received_at = now()
        return message

    def apart(message: Message) -> int:
        nonlocal texts
        if message.get("type") != "websocket.receive":
            transition = connection.received(message, now())
            if transition is not None:
                listener.changed(transition)
            return NO_DATA
        if connection.state is State.OPEN and not flow.messages:
            connection.traffic.first_message.record(now() - connection.accepted_at)
        data = _data_of(message)
        texts = isinstance(data, str)
        return flow.count_apart(data)

    return receive


def metered_send(connection: Connection, inner_send: Send, now: Callable[[], int], listener: Listener) -> Send:
    """Give `send()` so that what it has sent is counted; a message that the server did not take is not."""
    flow = connection.transmit
    texts: bool | None = None

    async def send(message: Message) -> None:
        started = now()
        try:
            await inner_send(message)
        except Exception as error:
            connection.send_failed(message, error)
            raise
        try:
            if texts:
                text = message["text"]
                size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
                flow.text[SIZE_CELL[size]] += 1
            elif texts is None:
                size = apart(message)
                if size == NO_DATA:
                    return
            else:
                size = len(message["bytes"])
                flow.binary[SIZE_CELL[size]] += 1
        except Exception:
            size = apart(message)
            if size == NO_DATA:
                return
        flow.bytes += size
        connection.sent_at = at = now()
        if at - started > WAITED:
            connection.waited(at - started)

    def apart(message: Message) -> int:
        nonlocal texts
        if message.get("type") != "websocket.send":
            transition = connection.sent(message, now())
            if transition is not None:
                listener.changed(transition)
            return NO_DATA
        data = _data_of(message)
        texts = isinstance(data, str)
        return flow.count_apart(data)

    return send


def _data_of(message: Message) -> Any:
    """Give the bytes or the text of a message; what has neither is taken for an empty text."""
    data = message.get("bytes")
    if data is None:
        data = message.get("text")
    return "" if data is None else data

"""The path of every message: what is counted of it, and that it passes as it came."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketscope.instrumentation.connection import OPEN, Connection, State
from socketscope.instrumentation.meter import metered
from socketscope.telemetry.histogram import CELLS, size_cell
from socketscope.telemetry.traffic import Traffic
from socketscope.testing import FakeClock

ACCEPT = {"type": "websocket.accept"}
MS = 1_000_000


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run what waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


class Metered:
    """A connection of which a test says what its server gives and takes, and how long that lasts."""

    def __init__(self, *, accepted: bool = True) -> None:
        self.clock = FakeClock()
        self.connection = Connection("0" * 16, self.now(), 0)
        self.traffic = Traffic()
        self.states: list[State] = []
        self.long: list[int] = []
        self.failed_sends: list[tuple[Any, int, Exception]] = []
        self.next: Any = None
        self.passed: list[Any] = []
        self.sending_takes = 0.0
        self._receive, self._send = metered(self.connection, self._inner_receive, self._inner_send, self.now, self)
        if accepted:
            self.send(ACCEPT)

    def now(self) -> int:
        return self.clock.clock.monotonic()

    def receive(self, message: Any) -> Any:
        self.next = message
        return run(self._receive())

    def send(self, message: Any, takes: float = 0.0) -> Any:
        self.sending_takes = takes
        return run(self._send(message))

    def changed(self, state: State) -> None:
        self.states.append(state)
        if state is OPEN:
            self.connection.count_into(self.traffic)

    def handled(self, nanoseconds: int) -> None:
        self.long.append(nanoseconds)
        self.connection.handling_notable = nanoseconds

    def waited(self, nanoseconds: int) -> None:
        self.connection.waited(nanoseconds)

    def send_failed(self, message: Any, nanoseconds: int, error: Exception) -> None:
        self.failed_sends.append((message, nanoseconds, error))

    async def _inner_receive(self) -> Any:
        if isinstance(self.next, BaseException):
            raise self.next
        return self.next

    async def _inner_send(self, message: Any) -> None:
        self.clock.advance(self.sending_takes)
        if isinstance(message, BaseException) or message.get("raises"):
            raise message["raises"]
        self.passed.append(message)


def text(content: Any) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": content}


def sent(content: Any) -> dict[str, Any]:
    return {"type": "websocket.send", "text": content}


def test_bytes_are_those_of_utf8_and_a_message_may_carry_both_kinds_one_of_them_none() -> None:
    wire = Metered()
    for message in (
        {"type": "websocket.receive", "text": "wörld"},
        {"type": "websocket.receive", "text": None, "bytes": b"abc"},
        {"type": "websocket.receive", "bytes": None, "text": "ok"},
    ):
        assert wire.receive(message) is message
    connection = wire.connection
    assert (connection.messages_received, connection.bytes_received) == (3, 6 + 3 + 2)
    assert (sum(connection.receive.text), sum(connection.receive.binary)) == (2, 1)


def test_handling_lasts_from_the_receipt_to_the_next_receive() -> None:
    wire = Metered()
    wire.receive(text("x"))
    wire.clock.advance(0.003)
    wire.receive({"type": "websocket.connect"})
    wire.clock.advance(0.006)
    wire.receive(text("x"))  # asked again, nothing was handled
    assert wire.traffic.handling.total == 3 * MS
    assert sum(wire.traffic.handling.cells) == 1
    assert wire.long == [3 * MS]


def test_a_handling_that_is_no_longer_than_notable_is_told_to_nobody() -> None:
    wire = Metered()
    for seconds in (0.003, 0.002, 0.003, 0.004):
        wire.receive(text("x"))
        wire.clock.advance(seconds)
    wire.receive({"type": "websocket.disconnect"})
    assert wire.long == [3 * MS, 4 * MS]


def test_the_last_message_is_handled_until_the_application_is_done() -> None:
    wire = Metered()
    wire.receive(text("x"))
    wire.clock.advance(0.003)
    assert wire.connection.handled(wire.now()) == 3 * MS
    assert wire.connection.handled(wire.now()) == 0
    assert wire.traffic.handling.total == wire.connection.handling_max == 3 * MS


def test_only_a_send_that_waited_is_a_wait() -> None:
    wire = Metered()
    wire.send(sent("x"), takes=0.00001)
    wire.send(sent("x"), takes=0.005)
    wire.send({"type": "websocket.send", "bytes": b"x"}, takes=0.004)
    assert sum(wire.traffic.send_wait.cells) == 2
    assert wire.connection.send_max == 5 * MS


def test_the_time_to_the_first_message_is_measured_once() -> None:
    wire = Metered()
    wire.clock.advance(0.002)
    wire.receive({"type": "websocket.receive", "bytes": b"x"})
    wire.clock.advance(0.002)
    wire.receive(text("x"))
    assert wire.traffic.first_message.total == 2 * MS


def test_the_last_activity_is_the_last_message_either_way() -> None:
    wire = Metered()
    accepted = wire.now()
    assert wire.connection.last_activity == accepted
    for step in (
        lambda: wire.receive(text("x")),
        lambda: wire.send(sent("x")),
        lambda: wire.receive({"type": "websocket.receive", "bytes": b"x"}),
    ):
        wire.clock.advance(1)
        step()
        assert wire.connection.last_activity == wire.now()
    wire.clock.advance(1)
    wire.receive({"type": "websocket.disconnect"})
    assert wire.connection.last_activity == wire.now() - 10**9


@pytest.mark.parametrize("error", [OSError("gone"), TypeError("no text"), asyncio.CancelledError()])
def test_what_the_server_did_not_take_is_not_counted(error: BaseException) -> None:
    wire = Metered()
    wire.send(sent("x"))
    with pytest.raises(type(error)):
        wire.send({**sent("x"), "raises": error})
    assert wire.connection.messages_sent == 1
    assert wire.connection.link_failed is isinstance(error, OSError)


def test_what_came_before_accept_is_no_message_of_the_connection() -> None:
    wire = Metered(accepted=False)
    wire.receive(text("x"))
    wire.send(sent("xy"))
    wire.send(ACCEPT)
    assert wire.connection.totals() == (0, 0, 0, 0)
    wire.receive(text("xyz"))
    assert wire.connection.totals() == (1, 0, 3, 0)


def test_a_message_without_data_counts_as_an_empty_text() -> None:
    wire = Metered()
    wire.receive({"type": "websocket.receive"})
    wire.receive({"type": "websocket.receive", "text": None, "bytes": None})
    assert wire.connection.totals() == (2, 0, 0, 0)


@pytest.mark.parametrize("content", [5, ["x"], {"a": 1}, object()])
def test_what_is_no_text_is_between_the_application_and_its_server(content: Any) -> None:
    wire = Metered()
    wire.send(sent("x"))
    message = sent(content)
    wire.send(message)
    assert wire.passed[-1] is message
    assert wire.connection.messages_sent == 2


def test_a_reader_that_copies_a_flow_keeps_what_it_has_when_more_cells_are_needed() -> None:
    wire = Metered()
    wire.receive(text("x"))
    copy = wire.connection.receive.copy()
    wire.receive(text("x" * 100_000))
    assert (copy.messages, copy.bytes) == (1, 1)
    assert wire.connection.totals() == (2, 0, 100_001, 0)


PAYLOADS = st.one_of(
    st.text(max_size=20),
    st.binary(max_size=20),
    st.sampled_from([0, 1, 2, 64, 4095, 4096, 4097, 70_000]).flatmap(
        lambda size: st.sampled_from([b"x" * size, "x" * size, "\u00e4" * size])
    ),
    st.just("\ud800"),
)


def _size(payload: str | bytes) -> int:
    return len(payload if isinstance(payload, bytes) else payload.encode("utf-8", "surrogatepass"))


@given(st.lists(st.tuples(st.booleans(), PAYLOADS), max_size=12))
def test_every_message_is_in_its_cell_with_its_bytes(script: list[tuple[bool, str | bytes]]) -> None:
    wire = Metered()
    for incoming, payload in script:
        key = "bytes" if isinstance(payload, bytes) else "text"
        if incoming:
            wire.receive({"type": "websocket.receive", key: payload})
        else:
            wire.send({"type": "websocket.send", key: payload})
    for incoming, flow in ((True, wire.connection.receive), (False, wire.connection.transmit)):
        expected: dict[type, list[int]] = {str: [0] * CELLS, bytes: [0] * CELLS}
        for way, payload in script:
            if way is incoming:
                expected[type(payload)][size_cell(_size(payload))] += 1
        assert _padded(flow.text) == expected[str]
        assert _padded(flow.binary) == expected[bytes]
        assert flow.bytes == sum(_size(payload) for way, payload in script if way is incoming)


def _padded(cells: list[int]) -> list[int]:
    return cells + [0] * (CELLS - len(cells))


@pytest.mark.parametrize("wrapped", [True, False], ids=["metered", "bare"])
def test_a_cancelled_receive_loses_nothing(wrapped: bool) -> None:
    async def main() -> tuple[list[Any], int]:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        connection = Connection("0" * 16, 0, 0)
        receive: Callable[[], Any] = queue.get
        if wrapped:
            listener = Metered()
            receive, _ = metered(connection, queue.get, listener._inner_send, lambda: 0, listener)
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        queue.put_nowait(text("x"))
        return [waiting.cancelled(), await receive()], connection.messages_received

    seen, counted = asyncio.run(main())
    assert seen == [True, text("x")]
    assert counted == wrapped

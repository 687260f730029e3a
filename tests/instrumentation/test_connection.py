"""The state machine alone: messages and a clock in, new states out."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketscope.instrumentation.connection import ENDED, OPEN, REFUSED, Connection

ACCEPT = {"type": "websocket.accept"}


class WebSocketDisconnect(Exception):
    pass


def accepted() -> Connection:
    connection = Connection("0" * 16, 0, 0)
    assert connection.sent(ACCEPT, 1) is OPEN
    return connection


def disconnect(code: Any = 1000, **rest: Any) -> dict[str, Any]:
    return {"type": "websocket.disconnect", "code": code, **rest}


@pytest.mark.parametrize(
    ("message", "code", "initiator"),
    [
        (disconnect(1000, reason=""), 1000, "client"),
        (disconnect(1001, reason=""), 1001, "client"),
        (disconnect(1005, reason=""), 1005, "client"),
        (disconnect(1005), 1005, "network"),
        (disconnect(1005, reason=None), 1005, "network"),
        (disconnect(1006), 1006, "network"),
        (disconnect(1006, reason=""), 1006, "network"),
        (disconnect(1009, reason=""), 1009, "server"),
        (disconnect(1012, reason=""), 1012, "shutdown"),
        (disconnect(4000, reason="bye"), 4000, "client"),
        (disconnect(None), 1005, "client"),
    ],
)
def test_a_disconnect_tells_who_ended_the_connection(message: dict[str, Any], code: int, initiator: str) -> None:
    connection = accepted()
    assert connection.received(message, 5) is ENDED
    assert (connection.code, connection.initiator) == (code, initiator)


def test_the_first_terminal_event_decides() -> None:
    connection = accepted()
    assert connection.sent({"type": "websocket.close", "code": 4001, "reason": "bye"}, 3) is ENDED
    assert connection.received(disconnect(1005), 4) is None
    assert connection.finished(ValueError(), 5) is None
    assert (connection.code, connection.initiator, connection.reason, connection.ended_at) == (
        4001,
        "server",
        "bye",
        3,
    )


@pytest.mark.parametrize(
    ("messages", "outcome", "status"),
    [
        ([{"type": "websocket.close", "code": 4003}], "denied", 403),
        (
            [
                {"type": "websocket.http.response.start", "status": 401},
                {"type": "websocket.http.response.body", "body": b"no", "more_body": True},
                {"type": "websocket.http.response.body", "body": b"."},
            ],
            "denied",
            401,
        ),
    ],
)
def test_an_application_that_refuses_denies_the_handshake(
    messages: list[dict[str, Any]], outcome: str, status: int
) -> None:
    connection = Connection("0" * 16, 0, 0)
    states = [connection.sent(message, 2) for message in messages]
    assert states == [None] * (len(messages) - 1) + [REFUSED]
    assert (connection.outcome, connection.status) == (outcome, status)
    assert connection.finished(None, 3) is None


def test_a_handshake_whose_handler_raised_has_failed() -> None:
    connection = Connection("0" * 16, 0, 0)
    assert connection.finished(ValueError("no"), 3) is REFUSED
    assert (connection.outcome, connection.status, connection.error_type) == ("failed", 500, "ValueError")


def test_a_client_that_left_before_an_answer_abandoned_the_handshake() -> None:
    connection = Connection("0" * 16, 0, 0)
    assert connection.received(disconnect(1005), 3) is REFUSED
    assert connection.outcome == "abandoned"


def test_a_handler_that_raises_after_accept_ends_the_connection_as_failed() -> None:
    connection = accepted()
    assert connection.finished(ValueError("no"), 3) is ENDED
    assert (connection.code, connection.initiator, connection.error_type) == (1006, "server", "ValueError")


def left() -> Connection:
    connection = accepted()
    connection.received(disconnect(), 2)
    return connection


def test_a_departure_that_the_handler_lets_through_is_no_error() -> None:
    connection = left()
    assert connection.is_departure(WebSocketDisconnect())
    assert connection.finished(WebSocketDisconnect(), 3) is None
    assert connection.error_type == ""


def test_while_the_client_is_there_the_departure_of_another_is_an_error() -> None:
    connection = accepted()
    assert not connection.is_departure(WebSocketDisconnect("of an upstream connection"))
    assert connection.finished(WebSocketDisconnect(), 3) is ENDED
    assert connection.error_type.endswith("WebSocketDisconnect")


def test_a_handler_that_runs_out_of_time_has_failed() -> None:
    connection = accepted()
    error = TimeoutError()
    error.__cause__ = asyncio.CancelledError()
    assert not connection.is_departure(error)
    assert connection.finished(error, 3) is ENDED
    assert (connection.error_type, connection.initiator) == ("TimeoutError", "server")


def test_a_message_that_the_server_objects_to_is_an_error_of_the_handler() -> None:
    connection = accepted()
    objection = TypeError("text must be str")
    connection.send_failed({"type": "websocket.send", "text": 5}, objection)
    assert not connection.link_failed
    assert not connection.is_departure(objection)
    assert connection.phase_of(objection) == "transmit"
    connection.send_failed(ACCEPT, RuntimeError("accepted already"))
    assert not connection.link_failed


def test_what_receive_raises_is_an_error_of_receiving() -> None:
    connection = accepted()
    error = RuntimeError('Cannot call "receive" once a disconnect message has been received')
    connection.receive_failed(error)
    assert connection.phase_of(error) == "receive"
    assert connection.phase_of(ValueError()) == "handle"


def test_the_error_of_a_send_to_a_client_that_is_gone_is_a_departure_and_others_are_not() -> None:
    connection = accepted()
    gone = RuntimeError("Unexpected ASGI message 'websocket.send'")
    connection.send_failed({"type": "websocket.send", "text": "x"}, gone)
    assert connection.is_departure(gone)
    assert not connection.is_departure(RuntimeError("another"))


def test_an_error_in_the_clean_up_after_a_departure_is_an_error() -> None:
    connection = left()
    error = KeyError("the clean-up of an application")
    error.__context__ = WebSocketDisconnect()
    assert not connection.is_departure(error)
    error.__cause__ = WebSocketDisconnect()
    assert connection.is_departure(error)


def test_a_group_is_a_departure_only_if_all_of_it_is() -> None:
    connection = left()
    assert connection.is_departure(ExceptionGroup("all", [WebSocketDisconnect(), WebSocketDisconnect()]))
    assert not connection.is_departure(ExceptionGroup("one", [WebSocketDisconnect(), ValueError()]))


@pytest.mark.parametrize("error", [asyncio.CancelledError(), BaseExceptionGroup("tasks", [asyncio.CancelledError()])])
def test_a_cancelled_handler_is_a_shutdown(error: BaseException) -> None:
    connection = accepted()
    assert connection.finished(error, 3) is ENDED
    assert (connection.initiator, connection.error_type) == ("shutdown", "")


def test_a_cancellation_that_nobody_asked_for_is_an_error_of_the_handler() -> None:
    connection = accepted()
    connection.cancels_itself()
    error = asyncio.CancelledError()
    assert not connection.is_departure(error)
    assert connection.finished(error, 3) is ENDED
    assert (connection.initiator, connection.error_type) == ("server", "asyncio.exceptions.CancelledError")


def test_a_cancellation_in_the_clean_up_after_a_departure_is_none() -> None:
    connection = left()
    connection.cancels_itself()
    assert connection.is_departure(asyncio.CancelledError())


MESSAGES = st.one_of(
    st.builds(lambda text: ("received", {"type": "websocket.receive", "text": text}), st.text(max_size=50)),
    st.builds(lambda data: ("received", {"type": "websocket.receive", "bytes": data}), st.binary(max_size=50)),
    st.builds(lambda text: ("sent", {"type": "websocket.send", "text": text}), st.text(max_size=50)),
    st.builds(
        lambda code, reason: ("received", disconnect(code, **reason)),
        st.sampled_from([1000, 1001, 1005, 1006, 1012, 4000, None]),
        st.sampled_from([{}, {"reason": ""}, {"reason": "x"}]),
    ),
    st.just(("sent", ACCEPT)),
    st.just(("received", {"type": "websocket.connect"})),
    st.builds(lambda code: ("sent", {"type": "websocket.close", "code": code}), st.sampled_from([1000, 4001])),
    st.just(("sent", {"type": "websocket.http.response.start", "status": 404})),
    st.just(("sent", {"type": "websocket.http.response.body"})),
)


@given(st.lists(MESSAGES, max_size=30), st.sampled_from([None, ValueError(), WebSocketDisconnect()]))
def test_in_any_order_of_messages_every_end_is_told_once(
    script: list[tuple[str, dict[str, Any]]], error: Exception | None
) -> None:
    connection = Connection("0" * 16, 0, 0)
    states = []
    for now, (direction, message) in enumerate(script):
        if direction == "received":
            states.append(connection.received(message, now))
        else:
            states.append(connection.sent(message, now))
    states.append(connection.finished(error, len(script)))
    told = [state for state in states if state is not None]
    assert told in ([REFUSED], [OPEN, ENDED])
    assert connection.state in {REFUSED, ENDED}

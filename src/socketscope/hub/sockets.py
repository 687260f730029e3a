"""A WebSocket as the hub needs it, whichever framework's it is."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from socketscope.errors import ClientGoneError
from socketscope.instrumentation.connection import ABNORMAL, NO_STATUS

TAKEN: Final = "this connection is in a hub already: it can be in one, whose channels it may all join"
_IN_A_HUB: Final = "socketscope.hub"
"""Key of the scope of a connection that is in a hub, or on its way into one."""

Receive = Callable[[], Coroutine[Any, Any, Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Socket:
    """`scope`, `receive` and `send` of ASGI, and how to accept; `accepted` tells whether that is done.

    `accept` raises `ClientGoneError` where the client has left.
    """

    scope: MutableMapping[str, Any]
    receive: Receive
    send: Send
    accept: Callable[[], Coroutine[Any, Any, None]]
    accepted: bool


def socket_of(connection: Any) -> Socket:
    """Take a WebSocket of Starlette, FastAPI or Litestar, or `(scope, receive, send)` of ASGI as a tuple.

    A tuple must not have been accepted yet. Raises TypeError for anything else.
    """
    if isinstance(connection, tuple) and len(connection) == 3:
        scope, receive, send = connection
        return Socket(scope, receive, send, lambda: _told_gone(_accept(receive, send)), accepted=False)
    # Their common ground: the ASGI callables under their own names, with the checks of the framework around them.
    found: list[Any] = [getattr(connection, name, None) for name in ("scope", "receive", "send", "accept")]
    scope, receive, send, accept = found
    if not all(map(callable, found[1:])) or not isinstance(scope, MutableMapping) or scope.get("type") != "websocket":
        raise TypeError(
            "hub.connect() takes a WebSocket of Starlette, FastAPI or Litestar, or (scope, receive, send), "
            f"not {type(connection).__name__}"
        )
    return Socket(scope, receive, send, lambda: _told_gone(accept()), accepted=_is_accepted(connection))


@contextmanager
def taken(socket: Socket) -> Iterator[None]:
    """Keep a connection out of every other hub. Raises RuntimeError where it is in one."""
    scope = socket.scope
    if _IN_A_HUB in scope:
        raise RuntimeError(TAKEN)
    scope[_IN_A_HUB] = True
    try:
        yield
    finally:
        del scope[_IN_A_HUB]


def gone(message: Mapping[str, Any]) -> ClientGoneError:
    """Give the error that says what `websocket.disconnect` does."""
    return ClientGoneError(int(message.get("code") or NO_STATUS), message.get("reason") or "")


def _is_accepted(connection: Any) -> bool:
    state = getattr(connection, "application_state", None)  # Starlette's
    if state is not None:
        return bool(state.name != "CONNECTING")
    return bool(getattr(connection, "connection_state", "init") != "init")  # Litestar's


async def _accept(receive: Receive, send: Send) -> None:
    message = await receive()
    if message["type"] == "websocket.disconnect":
        raise gone(message)
    if message["type"] != "websocket.connect":
        raise RuntimeError(f"expected websocket.connect, the server gave {message['type']}")
    await send({"type": "websocket.accept"})


async def _told_gone(accepting: Coroutine[Any, Any, None]) -> None:
    try:
        await accepting
    except Exception as error:
        if _is_departure(error):
            raise ClientGoneError(ABNORMAL, "") from error
        raise


def _is_departure(error: Exception) -> bool:
    # Servers raise an OSError (ASGI, "Disconnected Client - send exception"), Litestar its WebSocketDisconnect, and
    # Starlette, where the departure is the first that it hears, a RuntimeError that names the message.
    return (
        isinstance(error, OSError)
        or type(error).__name__ == "WebSocketDisconnect"
        or (isinstance(error, RuntimeError) and "websocket.disconnect" in str(error))
    )

"""A WebSocket as the hub needs it, whichever framework's it is."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

Receive = Callable[[], Coroutine[Any, Any, Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Socket:
    """`scope`, `receive` and `send` of ASGI, and how to accept; `accepted` tells whether that is done."""

    scope: Mapping[str, Any]
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
        return Socket(scope, receive, send, lambda: _accept(receive, send), accepted=False)
    # Their common ground: the ASGI callables under their own names, with the checks of the framework around them.
    found: list[Any] = [getattr(connection, name, None) for name in ("scope", "receive", "send", "accept")]
    scope, receive, send, accept = found
    if not all(map(callable, found[1:])) or not isinstance(scope, Mapping) or scope.get("type") != "websocket":
        raise TypeError(
            "hub.connect() takes a WebSocket of Starlette, FastAPI or Litestar, or (scope, receive, send), "
            f"not {type(connection).__name__}"
        )
    return Socket(scope, receive, send, accept, accepted=_is_accepted(connection))


def _is_accepted(connection: Any) -> bool:
    state = getattr(connection, "application_state", None)  # Starlette's
    if state is not None:
        return bool(state.name != "CONNECTING")
    return bool(getattr(connection, "connection_state", "init") != "init")  # Litestar's


async def _accept(receive: Receive, send: Send) -> None:
    message = await receive()
    if message["type"] != "websocket.connect":
        raise RuntimeError(f"expected websocket.connect, the server gave {message['type']}")
    await send({"type": "websocket.accept"})

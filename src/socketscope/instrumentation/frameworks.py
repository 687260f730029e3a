"""What frameworks know and ASGI messages do not say: route templates, exceptions that they answer themselves, packets.

Each is wrapped once it is imported, and only tells: what it does stays as it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

from socketscope.instrumentation import current
from socketscope.instrumentation.replacing import Undo, replace, together, when_imported
from socketscope.instrumentation.route import add_template


def patch_frameworks() -> Undo:
    """Wrap every framework that is imported, now or later; gives what undoes it."""
    return together(
        when_imported("quart.app", _quart),
        when_imported("channels.routing", _channels),
        when_imported("litestar.middleware._internal.exceptions.middleware", _litestar),
        when_imported("engineio.async_socket", _engineio),
        when_imported("socketio.async_server", _socketio),
    )


def _quart(module: ModuleType) -> Undo:
    def dispatching(original: Callable[..., Any]) -> Callable[..., Any]:
        async def full_dispatch_websocket(app: Any, context: Any = None) -> Any:
            rule = getattr(getattr(getattr(context, "websocket", None), "url_rule", None), "rule", None)
            if rule:
                _found(rule)
            return await original(app, context)

        return full_dispatch_websocket

    def failing(original: Callable[..., Any]) -> Callable[..., Any]:
        async def handle_websocket_exception(app: Any, error: Exception) -> Any:
            _answered(error)
            return await original(app, error)

        return handle_websocket_exception

    return together(
        replace(module.Quart, "full_dispatch_websocket", dispatching),
        replace(module.Quart, "handle_websocket_exception", failing),
    )


def _channels(module: ModuleType) -> Undo:
    """Note the patterns that led to a consumer: routers may be nested, each with a part of the path."""

    def routing(original: Callable[..., Any]) -> Callable[..., Any]:
        async def __call__(router: Any, scope: Any, receive: Any, send: Any) -> Any:  # noqa: N807  # it stands in for one
            if scope.get("type") == "websocket":
                path = scope.get("path_remaining", scope.get("path", "").removeprefix(scope.get("root_path", "")))
                for route in router.routes:
                    if route.pattern.match(path.lstrip("/")):
                        _found(str(route.pattern))
                        break
            return await original(router, scope, receive, send)

        return __call__

    return replace(module.URLRouter, "__call__", routing)


def _litestar(module: ModuleType) -> Undo:
    def failing(original: Callable[..., Any]) -> Callable[..., Any]:
        async def handle_websocket_exception(*, send: Any, exc: Exception) -> None:
            # What says a status of the client's, or a close code, is an answer and no failure.
            if getattr(exc, "status_code", 500) >= 500 and not hasattr(exc, "code"):
                _answered(exc)
            await original(send=send, exc=exc)

        return handle_websocket_exception

    return replace(module.ExceptionHandlerMiddleware, "handle_websocket_exception", failing)


def _engineio(module: ModuleType) -> Undo:
    """Count packets: on the wire a ping of engine.io is a text message like any other."""

    def counting(direction: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
            async def counted(socket: Any, packet: Any) -> Any:
                found = current.watched()
                if found is not None:
                    found[0].packet(packet.packet_type, direction)
                return await original(socket, packet)

            return counted

        return wrap

    return together(
        replace(module.AsyncSocket, "receive", counting("receive")),
        replace(module.AsyncSocket, "send", counting("transmit")),
    )


def _socketio(module: ModuleType) -> Undo:
    """Report the exceptions of packets' handlers: they end a task of python-socketio's own, not the connection."""

    def handling(original: Callable[..., Any]) -> Callable[..., Any]:
        async def _trigger_event(server: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return await original(server, *args, **kwargs)
            except Exception as error:
                found = current.watched()
                if found is not None and type(error).__name__ != "ConnectionRefusedError":  # which is an answer
                    reporter, watched = found
                    reporter.raised(watched, error)
                raise

        return _trigger_event

    return replace(module.AsyncServer, "_trigger_event", handling)


def _found(pattern: str) -> None:
    if (found := current.watched()) is not None:
        add_template(found[1].scope, braces(pattern))


def _answered(error: BaseException) -> None:
    if (found := current.watched()) is not None:
        reporter, watched = found
        reporter.answered(watched, error)


_CONVERTER = re.compile(r"<(?:[^<>:]*:)?([^<>]+)>")
_GROUP = re.compile(r"\(\?P(<\w+>)(?:[^()]|\([^()]*\))*\)")


def braces(pattern: str) -> str:
    r"""Give a pattern of Werkzeug or Django as a template: `/ws/<str:room>`, `^ws/(?P<room>\w+)$` as `ws/{room}`."""
    return _CONVERTER.sub(r"{\1}", _GROUP.sub(r"\1", pattern.removeprefix("^").removesuffix("$")))

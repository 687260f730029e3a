"""A connection with what its reporting needs beside it: the scope of its request, and its spans."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext
from typing_extensions import override

from socketscope.instrumentation.connection import Connection, State
from socketscope.instrumentation.identity import connection_id

CLOSE_FRAME_KEY = "socketscope.close_frame"
"""Key of the scope under which a hook of the server leaves `code` and `reason` of the client's close frame, where the
server does not tell them to the application."""


class Watched(Connection):
    """A connection with the spans that belong to it."""

    __slots__ = (
        "context",
        "entry_path",
        "entry_root_path",
        "handshake_span",
        "ignored",
        "message_context",
        "message_span",
        "scope",
        "send",
        "server_send",
        "server_span",
        "told",
        "traced",
    )

    def __init__(self, scope: MutableMapping[str, Any], started_at: int, started_wall: int) -> None:
        Connection.__init__(self, connection_id(), started_at, started_wall)
        self.scope: MutableMapping[str, Any] = scope
        self.send: Any = None
        self.server_send: Any = None
        """`send` as the application has it, and the server's own: for who counts what he sends (`direct.py`)."""
        # Taken at entry: frameworks change these in place, and what a mount adds belongs to the route.
        self.entry_root_path: str = scope.get("root_path", "")
        self.entry_path: str = scope.get("path", "")
        self.ignored = False
        self.handshake_span: Span | None = None
        self.traced = False
        """Whether the handshake's span is recorded, and so those of the segments: it is decided once."""
        self.message_span: Span | None = None
        """The open span of the message in hand, where it was given one at its receipt."""
        self.message_context: SpanContext | None = None
        """What that span is known by, until the next message comes."""
        self.told = False
        """Whether somebody takes the spans or the events of this connection."""
        self.server_span: Span | None = None
        """The span of the framework's own telemetry, where it has one open for the whole connection."""
        self.context: Context | None = None
        """Context with the handshake span: the parent of segments, the correlation of events. None: the current one."""

    @override
    def _disconnected(self, message: Mapping[str, Any], now: int) -> State | None:
        frame = self.scope.get(CLOSE_FRAME_KEY)
        return super()._disconnected(message if frame is None else {**message, **frame}, now)

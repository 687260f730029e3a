"""How an application is watched: COMPATIBILITY_WATCH is empty (zero code), `instrument`, `middleware` or `both`."""

import os

from tape import Taped


def watched(app):
    """What the server is given."""
    how = os.environ.get("COMPATIBILITY_WATCH", "")
    if how in {"instrument", "both"}:
        import socketscope

        app = socketscope.instrument(socketscope.instrument(app))
    if how in {"middleware", "both"}:
        from socketscope.instrumentation.middleware import WebSocketMiddleware

        app = WebSocketMiddleware(app)
    return Taped(app)

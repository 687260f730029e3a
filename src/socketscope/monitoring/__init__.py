"""The monitoring routes of one's own service: `app.include_router(socketscope.monitoring.router())`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from socketscope.monitoring.routes import router

__all__ = ["router"]


def __getattr__(name: str) -> Any:
    # Loaded at first use: the console shares the schemas and must not pull the emit side in.
    if name == "router":
        from socketscope.monitoring.routes import router

        return router
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

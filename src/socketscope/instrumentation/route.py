"""The route template of a connection, as its framework tells it once routing is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from socketscope.telemetry.record import UNKNOWN_ROUTE


def route_of(scope: Mapping[str, Any], entry_root_path: str, *, accepted: bool) -> str:
    """Give the template with the prefix of its mounts.

    Starlette and FastAPI put the route into the scope, relative to the mount; what mounts added is the part of
    `root_path` gained since entry. Litestar tells the whole template. Where nothing tells a template, an accepted
    connection has its path (bounded by the cap on routes), a refused one `_unknown`: refused paths are anybody's.
    """
    route = scope.get("route")
    template = getattr(route, "path_format", None) or getattr(route, "path", None)
    if isinstance(template, str) and template:
        return mount_prefix(scope, entry_root_path) + template
    template = scope.get("path_template")
    if isinstance(template, str) and template:
        return template
    return str(scope.get("path") or UNKNOWN_ROUTE) if accepted else UNKNOWN_ROUTE


def mount_prefix(scope: Mapping[str, Any], entry_root_path: str) -> str:
    """Give what mounts added to `root_path` since the request came in."""
    root_path: str = scope.get("root_path", "")
    return root_path[len(entry_root_path) :] if root_path.startswith(entry_root_path) else ""

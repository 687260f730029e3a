"""The route template of a connection, as its framework tells it once routing is done."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from socketscope.telemetry.record import UNKNOWN_ROUTE

TEMPLATE_KEY = "socketscope.template"
"""Key of the scope for the template that a hook of the framework has found."""


def route_of(scope: Mapping[str, Any], entry_path: str, entry_root_path: str, *, accepted: bool) -> str:
    """Give the template with the prefix of its mounts; `entry_*` are of the request, before anybody changed them.

    Starlette and FastAPI put the route into the scope, relative to the mount; what mounts added is the part of
    `root_path` gained since entry. Litestar tells the whole template. Where nothing tells a template, an accepted
    connection has the first segment of its path (the rest may be anybody's name), a refused one `_unknown`.
    """
    if (route := scope.get("route")) is not None:
        template = getattr(route, "path_format", None) or getattr(route, "path", None)
        if isinstance(template, str) and template:
            return mount_prefix(scope, entry_root_path) + template
    for key in (TEMPLATE_KEY, "path_template"):
        template = scope.get(key)
        if isinstance(template, str) and template:
            return template
    return _first_segment(entry_path) if accepted else UNKNOWN_ROUTE


def add_template(scope: MutableMapping[str, Any], part: str) -> None:
    """Note a template that a hook of the framework has found, or a further part of it."""
    scope[TEMPLATE_KEY] = f"{scope.get(TEMPLATE_KEY, '').rstrip('/')}/{part.lstrip('/')}"


def mount_prefix(scope: Mapping[str, Any], entry_root_path: str) -> str:
    """Give what mounts added to `root_path` since the request came in."""
    root_path: str = scope.get("root_path", "")
    if not root_path.startswith(entry_root_path):
        return ""
    gained = root_path[len(entry_root_path) :]
    # A mount's own parameters stand in it with their values; the template has their names.
    names = {str(value): name for name, value in scope.get("path_params", {}).items()}
    return "/".join(f"{{{names[part]}}}" if part in names else part for part in gained.split("/"))


def _first_segment(path: str) -> str:
    first, slash, rest = path.lstrip("/").partition("/")
    return f"/{first}/*" if slash and rest else f"/{first}"

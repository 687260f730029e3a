"""The page that `make page` builds into this package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

PAGE = Path(__file__).with_name("page")
"""Where the built page is: `index.html`, and files named by their content in `assets/`."""

_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>socketscope</title>
<h1>The page is not built</h1>
<p>Run <code>make page</code> in the repository and reload; a wheel of socketscope contains it.</p>
<p>The API works without it: <a href="/monitoring/websocket/metrics">/monitoring/websocket/metrics</a>,
<a href="/openapi.json">/openapi.json</a>.</p>
</html>
"""


def page_endpoint(directory: Path = PAGE) -> Callable[[Request], Awaitable[Response]]:
    """Serve `directory` for a route `/{path:path}`; looked up at each request, so a new build needs no restart."""
    files = StaticFiles(directory=directory, html=True, check_dir=False)

    async def page(request: Request) -> Response:
        path = request.path_params["path"]
        if not path and not (directory / "index.html").is_file():
            return HTMLResponse(_NOT_BUILT, 503)
        answer = await files.get_response(path or "index.html", request.scope)
        # A file in assets/ never changes its content under its name; everything else is asked for again.
        answer.headers["cache-control"] = (
            "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"
        )
        return answer

    return page

"""The monitoring routes of one's own service, over its own connections.

```python
app = FastAPI()
app.include_router(socketscope.monitoring.router(dependencies=[Depends(only_operators)]))
```
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Path, Query, Response, WebSocket
from starlette.requests import HTTPConnection

from socketscope import semconv
from socketscope.addresses import is_loopback
from socketscope.instrumentation.middleware import WebSocketMiddleware
from socketscope.instrumentation.own import own_reporter
from socketscope.instrumentation.reporter import Reporter
from socketscope.monitoring import schemas
from socketscope.monitoring.live import Live
from socketscope.monitoring.origin import is_same_origin
from socketscope.monitoring.service import OwnService

LONGEST_HOURS = 8760.0


def router(
    *,
    prefix: str = "/monitoring/websocket",
    dependencies: Sequence[Any] | None = None,
    connections_maximum: int = 1000,
) -> APIRouter:
    """Give a router with `/metrics`, `/connections`, `/stats/{hours}`, `/health` and the live socket `/live`.

    Including it is all there is to do: its lifespan watches the application's connections, with or without an
    OpenTelemetry SDK, and stops at shutdown. Who may ask is decided by `dependencies` (FastAPI's `Depends`, as for
    any router); without any, clients of this host alone, and everybody else gets 403.

    `connections_maximum` is what a bar of connections calls full. Shapes: `socketscope.monitoring.schemas`.
    """
    reporter = own_reporter()
    started = _Started()
    service = OwnService(reporter.telemetry, connections_maximum=connections_maximum)

    async def read() -> schemas.Metrics:
        return await asyncio.to_thread(service.metrics)

    live = Live(read)
    routes = APIRouter(
        prefix=prefix,
        tags=["Monitoring"],
        dependencies=[*([Depends(_this_host_only)] if dependencies is None else dependencies), Depends(started)],
        lifespan=_lifespan(reporter, service, live, started),
    )

    # Plain functions: FastAPI runs them in a thread, away from the sockets' event loop.
    @routes.get("/metrics")
    def get_metrics() -> schemas.Metrics:
        """Return all numbers of this process."""
        return service.metrics()

    @routes.get("/connections")
    def get_connections(
        limit: Annotated[int, Query(ge=1, le=500)] = 50, offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0
    ) -> schemas.Connections:
        """Return a page of the open connections, newest first."""
        return service.connections(limit, offset)

    @routes.get("/stats/{hours}")
    def get_stats(hours: Annotated[float, Path(gt=0, le=LONGEST_HOURS)]) -> schemas.Stats:
        """Return statistics of the last `hours`; what is kept reaches back 24 h, and beyond it `complete` is false."""
        return service.stats(hours)

    @routes.get("/health", responses={503: {"model": schemas.Health}})
    def get_health(response: Response) -> schemas.Health:
        """Tell whether the numbers can be trusted; 503 when not."""
        health = service.health()
        if health.reasons:
            response.status_code = 503
        return health

    @routes.websocket("/live")
    async def get_live(websocket: WebSocket) -> None:
        """Push `LiveMessage` once a second to pages of this service and to programs."""
        websocket.scope[semconv.IGNORE_KEY] = True  # the socket that shows the numbers is not one of them
        if is_same_origin(websocket):
            await live.serve(websocket)
        else:
            await websocket.close(1008)  # before accept: the browser sees 403

    return routes


class _Started:
    """Whether the router's lifespan runs; as a dependency it refuses to answer where it does not."""

    def __init__(self) -> None:
        self.yes = False

    async def __call__(self) -> None:
        if not self.yes:
            raise HTTPException(
                503,
                "monitoring watches nothing: the lifespan of its router did not run. Include it in the application "
                "that the server runs: the lifespan of a mounted one never runs, and a test client's only where it is "
                "used as a context manager",
            )


def _lifespan(
    reporter: Reporter, service: OwnService, live: Live, started: _Started
) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        reporter.telemetry.switch_on(keep_closed=True)
        # The stack is built when the lifespan runs, so the middleware goes around it; watched once in any case.
        inner = app.middleware_stack
        if inner is not None:
            app.middleware_stack = WebSocketMiddleware(inner, reporter=reporter)
        sampling = asyncio.create_task(service.sample_for_ever(), name="socketscope-monitoring")
        try:
            async with live.ticking():
                started.yes = True
                yield
        finally:
            started.yes = False
            sampling.cancel()
            await asyncio.wait([sampling])
            app.middleware_stack = inner

    return lifespan


async def _this_host_only(connection: HTTPConnection) -> None:
    if connection.client is None or not is_loopback(connection.client.host):
        raise HTTPException(
            403,
            "monitoring answers this host alone: pass router(dependencies=[Depends(...)]) to decide who else may ask",
        )

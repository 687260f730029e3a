"""The console as an ASGI application over any backend."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from pydantic import BaseModel, Field
from starlette.middleware import Middleware
from starlette.responses import Response

from socketscope.access import Token
from socketscope.console import api, problems, session
from socketscope.console.fleet import Fleet
from socketscope.console.gate import Gate, Guard
from socketscope.console.health import Check, failures
from socketscope.console.recent import Recent
from socketscope.console.routes import Sources, router
from socketscope.console.security import HostNames, SecurityHeaders
from socketscope.console.static import PAGE, page_endpoint
from socketscope.monitoring.live import Live

if TYPE_CHECKING:
    from socketscope.backends.base import Connections, Metrics, Traces
    from socketscope.console.options import ConsoleOptions


class Liveness(BaseModel):
    """`GET /healthz`."""

    status: str = "ok"


class Readiness(BaseModel):
    """`GET /readyz`; 503 when not ready."""

    status: str = Field(description="`ready` or `not ready`.")
    reasons: list[str] = Field(description="What is not ready; empty when all is.")


def create_app(
    metrics: Metrics,
    connections: Connections,
    options: ConsoleOptions,
    *,
    traces: Traces | None = None,
    health_checks: Sequence[Check] = (),
    ready_checks: Sequence[Check] = (),
    page: Path = PAGE,
    clock: Callable[[], float] = time.time,
    period: float = 1.0,
) -> FastAPI:
    """Return the console: the REST routes, the live socket that pushes once in `period` seconds, and the page.

    `health_checks` speak in `/monitoring/websocket/health`, `ready_checks` in `/readyz`; each returns a reason or
    None and must not block. Its lifespan has to run: it drives the live socket.
    """
    fleet = Fleet(metrics, connections, options)
    recent = Recent(fleet, clock=clock)
    live = Live(recent.now, period=period)
    token = Token.of(options.token)
    gate = Gate(token, clock=clock) if token else None

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with live.ticking():
            yield

    app = FastAPI(
        title="socketscope console",
        version=version("socketscope"),
        lifespan=lifespan,
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(HostNames, options=options),
            *([Middleware(Guard, gate=gate)] if gate else []),
        ],
        docs_url=None,  # FastAPI's pages load their scripts from elsewhere
        redoc_url=None,
        # The console watches; it would only find itself in what it shows.
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    problems.install(app)
    app.state.sources = Sources(
        metrics=metrics,
        connections=connections,
        fleet=fleet,
        recent=recent,
        live=live,
        clock=clock,
        health_checks=health_checks,
        traces=traces,
    )
    app.state.gate = gate
    app.include_router(router)
    app.include_router(api.router)
    app.include_router(session.router)

    @app.get("/healthz", tags=["Process"])
    async def get_liveness() -> Liveness:
        """Answer: the process is alive."""
        return Liveness()

    @app.get("/readyz", tags=["Process"], responses={503: {"model": Readiness}})
    async def get_readiness(response: Response) -> Readiness:
        """Tell whether data can be received, stored and asked for, not whether any has arrived."""
        reasons = failures(ready_checks)
        if reasons:
            response.status_code = 503
        return Readiness(status="not ready" if reasons else "ready", reasons=reasons)

    app.add_route("/{path:path}", page_endpoint(page), include_in_schema=False)
    return app

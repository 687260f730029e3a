"""The console as an ASGI application over any backend."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI

from socketscope.console import alerts, api, reports
from socketscope.console.base import application
from socketscope.console.fleet import Fleet
from socketscope.console.health import Check
from socketscope.console.recent import Recent
from socketscope.console.routes import Sources, router
from socketscope.console.static import PAGE, page_endpoint
from socketscope.monitoring.live import Live

if TYPE_CHECKING:
    from socketscope.alerts.board import Board
    from socketscope.backends.base import Connections, Metrics, Traces
    from socketscope.console.options import ConsoleOptions
    from socketscope.reports.archive import Archive


def create_app(
    metrics: Metrics,
    connections: Connections,
    options: ConsoleOptions,
    *,
    traces: Traces | None = None,
    health_checks: Sequence[Check] = (),
    ready_checks: Sequence[Check] = (),
    board: Board | None = None,
    archive: Archive | None = None,
    page: Path = PAGE,
    clock: Callable[[], float] = time.time,
    period: float = 1.0,
) -> FastAPI:
    """Return the console: the REST routes, the live socket that pushes once in `period` seconds, and the page.

    `health_checks` speak in `/monitoring/websocket/health`, `ready_checks` in `/readyz`; each returns a reason or
    None and must not block. `board` is that of the alerting and `archive` that of the reports, where these run in this
    process. The lifespan has to run: it drives the live socket.
    """
    fleet = Fleet(metrics, connections, options)
    recent = Recent(fleet, clock=clock)
    live = Live(recent.now, period=period)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with live.ticking():
            yield

    app = application(options, title="socketscope console", lifespan=lifespan, ready_checks=ready_checks, clock=clock)
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
    app.state.board = board
    app.state.archive = archive
    app.include_router(router)
    app.include_router(api.router)
    app.include_router(alerts.router)
    app.include_router(reports.router)
    app.add_route("/{path:path}", page_endpoint(page), include_in_schema=False)
    return app


def create_alerts_app(
    board: Board,
    options: ConsoleOptions,
    *,
    archive: Archive | None = None,
    ready_checks: Sequence[Check] = (),
    clock: Callable[[], float] = time.time,
) -> FastAPI:
    """Return the routes about alerts and reports alone, for a service that does nothing else."""
    app = application(options, title="socketscope alerts", ready_checks=ready_checks, clock=clock)
    app.state.board = board
    app.state.archive = archive
    app.include_router(alerts.router)
    app.include_router(reports.router)
    return app

"""The routes under `/monitoring/websocket`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Response, WebSocket
from starlette.requests import HTTPConnection

from socketscope import semconv
from socketscope.console.health import Check, read_health
from socketscope.console.history import MOST_POINTS, read_history, step_for
from socketscope.console.ledger import read_open, read_stats
from socketscope.console.moments import Moment, to_milliseconds
from socketscope.console.problems import Problem
from socketscope.monitoring import schemas
from socketscope.monitoring.origin import is_same_origin

if TYPE_CHECKING:
    from socketscope.backends.base import Connections, Metrics, Traces
    from socketscope.console.fleet import Fleet
    from socketscope.console.recent import Recent
    from socketscope.monitoring.live import Live

router = APIRouter(
    prefix="/monitoring/websocket",
    tags=["Monitoring"],
    responses={422: {"model": Problem}, 503: {"model": Problem}},
)
"""The seed's routes, for a whole fleet; they answer from the `Sources` in `app.state.sources`."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What the routes answer from."""

    metrics: Metrics
    connections: Connections
    fleet: Fleet
    recent: Recent
    live: Live
    clock: Callable[[], float]
    health_checks: Sequence[Check] = field(default_factory=tuple)
    traces: Traces | None = None

    def now(self) -> float:
        """Return the present, in the resolution of answers."""
        return to_milliseconds(self.clock())


def _sources(connection: HTTPConnection) -> Sources:
    sources: Sources = connection.app.state.sources
    return sources


Given = Annotated[Sources, Depends(_sources)]


@router.get("/metrics")
async def get_metrics(
    sources: Given,
    since: Annotated[Moment | None, Query(description="Count from here on; by default all that is kept.")] = None,
    at: Annotated[Moment | None, Query(description="The moment of all numbers; by default the present.")] = None,
) -> schemas.Metrics:
    """Return all numbers of the fleet at one moment.

    Answers of the present are shared for half a second and kept for a minute: `at` with the `timestamp` of one
    returns the very same. Times are ISO 8601 or seconds since the epoch.
    """
    if since is None:
        answer = await sources.recent.now() if at is None else sources.recent.at(at)
        if answer is not None:
            return answer
    now = sources.now()
    moment = now if at is None else to_milliseconds(at)
    if moment > now:
        raise HTTPException(422, "at: a moment that has passed is expected")
    if since is not None and since >= moment:
        raise HTTPException(422, "since: a moment before the one that is asked about is expected")
    return await sources.fleet.read(at=moment, since=since)


@router.get("/connections")
async def get_connections(
    sources: Given,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> schemas.Connections:
    """Return a page of the open connections, newest first."""
    return await read_open(sources.connections, at=sources.now(), limit=limit, offset=offset)


@router.get("/stats/{hours}")
async def get_stats(sources: Given, hours: Annotated[float, Path(ge=1, le=8760)]) -> schemas.Stats:
    """Return statistics of the last `hours`, fractions allowed."""
    return await read_stats(sources.metrics, sources.connections, at=sources.now(), hours=hours)


@router.get("/history")
async def get_history(
    sources: Given,
    minutes: Annotated[float, Query(ge=1, le=1440)] = 15,
    step: Annotated[float | None, Query(description="Seconds between points; by default chosen.")] = None,
) -> schemas.History:
    """Return the points of the line chart, at most 600, up to the present."""
    seconds = minutes * 60
    shortest = max(1, seconds / MOST_POINTS)
    if step is not None and not shortest <= step <= seconds:
        raise HTTPException(
            422, f"step={step:g}: {shortest:g} to {seconds:g} seconds are expected for {minutes:g} minutes"
        )
    at = sources.now()
    pulse = await sources.fleet.pulse(at)
    return await read_history(
        sources.metrics, at=at, seconds=seconds, step=step or step_for(seconds), stale_after=pulse.stale_after
    )


@router.get("/health", responses={503: {"model": schemas.Health, "description": "Unhealthy."}})
async def get_health(sources: Given, response: Response) -> schemas.Health:
    """Tell whether the data is fresh, is stored and can be trusted; 503 when not. No data yet is unhealthy."""
    health = await read_health(sources.metrics, await sources.recent.now(), checks=sources.health_checks)
    if health.reasons:
        response.status_code = 503
    return health


@router.websocket("/live")
async def live(websocket: WebSocket, sources: Given) -> None:
    """Push `LiveMessage` once a second to pages of this console and to programs."""
    websocket.scope[semconv.IGNORE_KEY] = True
    if is_same_origin(websocket):
        await sources.live.serve(websocket)
    else:
        await websocket.close(1008)  # before accept: the browser sees 403

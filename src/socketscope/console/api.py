"""The routes under `/api`: the console's backend for programs, `backends/remote.py` above all."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import BaseModel, FiniteFloat

from socketscope.backends import wire
from socketscope.backends.base import Capabilities, ConnectionPage, ConnectionSummary, Timeline
from socketscope.backends.ledger import ConnectionLedger
from socketscope.backends.links import PLACEHOLDER
from socketscope.console.problems import Problem
from socketscope.console.routes import Given

router = APIRouter(
    prefix=wire.PREFIX,
    tags=["Backend"],
    responses={422: {"model": Problem}, 501: {"model": Problem}, 503: {"model": Problem}},
)
"""Questions to the backend, as it is asked from inside; times are seconds since the epoch."""

Since = Annotated[FiniteFloat, Query()]
Until = Annotated[FiniteFloat, Query()]


@router.get("/backend")
async def get_backend(sources: Given) -> wire.About:
    """Tell what the backend is capable of."""
    metrics, connections, traces = sources.metrics, sources.connections, sources.traces
    return wire.About(
        capabilities=Capabilities(
            metrics=metrics.capabilities.metrics,
            connections=connections.capabilities.connections,
            traces=traces is not None and traces.capabilities.traces,
            notes=metrics.capabilities.notes,
        ),
        trace_link=traces.link(PLACEHOLDER) if traces else None,
    )


@router.post("/query/instant", response_model=wire.Samples)
async def post_instant_query(sources: Given, question: wire.InstantQuestion) -> Response:
    """Answer a query with the window that ends at one moment."""
    samples = await sources.metrics.instant(question.query, at=question.at)
    return _exactly(wire.Samples(samples=list(samples)))


@router.post("/query/range", response_model=wire.Lines)
async def post_range_query(sources: Given, question: wire.RangeQuestion) -> Response:
    """Answer a query at many moments."""
    series = await sources.metrics.range(question.query, start=question.start, end=question.end, step=question.step)
    return _exactly(wire.Lines(series=list(series)))


@router.get("/instances")
async def get_instances(sources: Given, since: Since, until: Until) -> wire.Instances:
    """List the processes that reported in a period."""
    return wire.Instances(instances=list(await sources.metrics.instances(since=since, until=until)))


@router.get("/peak")
async def get_peak(sources: Given, metric: str, since: Since, until: Until) -> wire.Peak:
    """Find the greatest sum of a gauge or up-down counter over all live instances in a period."""
    return wire.Peak(peak=await sources.metrics.peak(metric, since, until))


@router.get("/exports")
async def get_exports(sources: Given, since: Since, until: Until) -> wire.ExportsAnswer:
    """Tell which exports of the instances came in a period, and which did not."""
    return wire.ExportsAnswer(exports=await sources.metrics.exports(since=since, until=until))


@router.get("/connections/open")
async def get_open_connections(
    sources: Given,
    at: Annotated[FiniteFloat, Query()],
    limit: Annotated[int, Query(ge=1, le=wire.MOST_CONNECTIONS)],
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> ConnectionPage:
    """Return a page of the connections that are open at one moment, newest first."""
    if not sources.connections.capabilities.connections:
        raise HTTPException(501, "This console's backend keeps no events of connections, so it can't list them.")
    return await sources.connections.open(at=at, limit=limit, offset=offset)


@router.get("/connections/summary")
async def get_connection_summary(sources: Given, since: Since, until: Until) -> ConnectionSummary:
    """Sum up the connections with an event in a period."""
    if not sources.connections.capabilities.connections:
        raise HTTPException(501, "This console's backend keeps no events of connections, so it can't sum them up.")
    return await sources.connections.summary(since=since, until=until)


@router.get("/connections/ledger")
async def get_connection_ledger(
    sources: Given,
    since: Since,
    until: Until,
    step: Annotated[FiniteFloat, Query(gt=0, description="Seconds of the stretches that are counted one by one.")],
    top: Annotated[int, Query(ge=1, le=wire.MOST_CHANNELS)] = 10,
) -> ConnectionLedger:
    """Account for the connections of a period."""
    if not sources.connections.capabilities.connections:
        raise HTTPException(501, "This console's backend keeps no events of connections, so it has no account of them.")
    return await sources.connections.ledger(since=since, until=until, step=step, top=top)


@router.get("/traces/{connection_id}", responses={404: {"model": Problem, "description": "No span of it is known."}})
async def get_timeline(
    sources: Given,
    connection_id: str,
    since: Since,
    until: Until,
    service: Annotated[str | None, Query(description="Narrows the search, where it is known.")] = None,
) -> Timeline:
    """Return the spans of a connection that was active in a period."""
    if sources.traces is None or not sources.traces.capabilities.traces:
        raise HTTPException(501, "This console's backend keeps no traces.")
    timeline = await sources.traces.timeline(connection_id, since=since, until=until, service=service)
    if timeline is None:
        raise HTTPException(404, f"No span of a connection {connection_id} in the period is known.")
    return timeline


def _exactly(answer: BaseModel) -> Response:
    # FastAPI's own way makes null of an infinite number inside a list.
    return Response(answer.model_dump_json(), media_type="application/json")

"""What every application of the console is made of: who may ask, by which name, and whether the process is well."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from pydantic import BaseModel, Field
from starlette.middleware import Middleware
from starlette.responses import Response

from socketscope.access import Token
from socketscope.console import problems, session
from socketscope.console.gate import Gate, Guard
from socketscope.console.health import Check, failures
from socketscope.console.security import HostNames, SecurityHeaders

if TYPE_CHECKING:
    from socketscope.console.options import ConsoleOptions


class Liveness(BaseModel):
    """`GET /healthz`."""

    status: str = "ok"


class Readiness(BaseModel):
    """`GET /readyz`; 503 when not ready."""

    status: str = Field(description="`ready` or `not ready`.")
    reasons: list[str] = Field(description="What is not ready; empty when all is.")


def application(
    options: ConsoleOptions,
    *,
    title: str,
    lifespan: Any = None,
    ready_checks: Sequence[Check] = (),
    clock: Callable[[], float] = time.time,
) -> FastAPI:
    """Return an application with its guards, sessions, `/healthz` and `/readyz`, and errors as problem documents."""
    token = Token.of(options.token)
    gate = Gate(token, clock=clock) if token else None
    app = FastAPI(
        title=title,
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
    app.state.gate = gate
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

    return app

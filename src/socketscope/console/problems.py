"""Errors as problem documents (RFC 9457), each with a sentence that can be shown to a person."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from socketscope.errors import BackendError, QueryError, StateError, StoreError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

_logger = logging.getLogger(__name__)

SECRETS = frozenset({"token"})
"""Fields of requests whose values no answer repeats."""
ADVICE = "`/readyz` and the console's log tell more; asking again is safe."


class Problem(BaseModel):
    """Body of every error, as `application/problem+json`."""

    type: str = "about:blank"
    title: str = Field(description="Reason phrase of the status.")
    status: int
    detail: str = Field(description="What was wrong and what to do.")


def problem(status: int, detail: str) -> Response:
    """Answer with `status` and a problem document."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return Response(body.model_dump_json(), status, media_type="application/problem+json")


async def refuse(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send `answer`; to the handshake of a WebSocket too, where the server can, else it is refused with 403."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    await answer(scope, receive, send)


def explain(error: BackendError | StoreError) -> str:
    """Say in a sentence or two that the backend could not be asked, why, and what to do."""
    return f"The backend could not be asked: {str(error).rstrip('.')}. {ADVICE}"


def install(app: FastAPI) -> None:
    """Turn the errors of `app` into problem documents."""
    app.exception_handler(BackendError)(_unavailable)
    app.exception_handler(StoreError)(_unavailable)
    app.exception_handler(StateError)(_unkept)
    app.exception_handler(QueryError)(_refused)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(Exception)(_unexpected)


async def _unavailable(_request: Request, error: BackendError | StoreError) -> Response:
    _logger.warning("%s", error)
    return problem(503, explain(error))


async def _unkept(_request: Request, error: StateError) -> Response:
    _logger.warning("%s", error)
    return problem(503, str(error))


async def _refused(_request: Request, error: QueryError) -> Response:
    return problem(422, str(error))


async def _invalid(_request: Request, error: RequestValidationError) -> Response:
    return problem(422, "; ".join(_mistake(mistake) for mistake in error.errors()))


async def _http(_request: Request, error: HTTPException) -> Response:
    answer = problem(error.status_code, error.detail)
    answer.headers.update(error.headers or {})
    return answer


async def _unexpected(_request: Request, _error: Exception) -> Response:
    return problem(500, f"An error that should not happen. {ADVICE}")


def _mistake(mistake: dict[str, Any]) -> str:
    name = mistake["loc"][-1]
    expected = mistake["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    given = "" if name in SECRETS else f"={mistake.get('input')!r}"
    return f"{name}{given}: {expected}"

"""Signing in on the page: the token for a cookie."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from pydantic import BaseModel, Field, SecretStr

from socketscope.console.gate import COOKIE, LIFE, SESSION, Gate
from socketscope.console.problems import Problem

router = APIRouter(prefix=SESSION, tags=["Session"])


class SignIn(BaseModel):
    """`POST /session`."""

    token: SecretStr = Field(description="The console's token.", max_length=1024)


class Session(BaseModel):
    """`GET /session`."""

    token_needed: bool = Field(description="The console answers only who shows its token or has signed in.")


def _gate(request: Request) -> Gate | None:
    gate: Gate | None = request.app.state.gate
    return gate


Given = Annotated[Gate | None, Depends(_gate)]


@router.get("")
async def get_session(gate: Given) -> Session:
    """Tell whether the console has a token."""
    return Session(token_needed=gate is not None)


@router.post("", status_code=204, response_class=Response, responses={401: {"model": Problem}, 429: {"model": Problem}})
async def sign_in(request: Request, body: SignIn, gate: Given) -> Response:
    """Open a session: the cookie in the answer is as good as the token, for 30 days."""
    if gate is None:
        raise HTTPException(404, "This console has no token: nobody has to sign in.")
    refusal = gate.try_token(request, body.token.get_secret_value())
    if refusal is not None:
        return refusal
    answer = Response(status_code=204)
    answer.set_cookie(
        COOKIE,
        gate.open_session(),
        max_age=LIFE,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.delete("", status_code=204, response_class=Response)
async def sign_out(request: Request) -> Response:
    """Take the cookie back."""
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return answer

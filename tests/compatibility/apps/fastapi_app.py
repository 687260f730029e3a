"""FastAPI; COMPATIBILITY_TELEMETRY says whether its own telemetry is on (`native`)."""

import os
from typing import Annotated

import behaviour
from fastapi import Depends, FastAPI, HTTPException, Query, WebSocket
from starlette_socket import Socket
from switching import watched

native = os.environ.get("COMPATIBILITY_TELEMETRY") == "native"
fastapi = FastAPI(telemetry={"tracing": native, "metrics": False, "logs": False})
under = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})


def refuse():
    raise HTTPException(401, "who are you?")


@fastapi.websocket("/echo/{room}")
@under.websocket("/echo/{room}")
async def echo(websocket: WebSocket, room: str):
    await behaviour.echo(Socket(websocket))


@fastapi.websocket("/excluded")
async def excluded(websocket: WebSocket):
    await behaviour.echo(Socket(websocket))


@fastapi.websocket("/choose")
async def choose(websocket: WebSocket):
    await behaviour.choose(Socket(websocket))


@fastapi.websocket("/deny")
async def deny(websocket: WebSocket):
    await behaviour.deny(Socket(websocket))


@fastapi.websocket("/deny-response")
async def deny_with_response(websocket: WebSocket, _: Annotated[None, Depends(refuse)]): ...


@fastapi.websocket("/invalid")
async def invalid(websocket: WebSocket, number: Annotated[int, Query()]): ...


@fastapi.websocket("/broken")
async def broken(websocket: WebSocket):
    await behaviour.broken(Socket(websocket))


@fastapi.websocket("/hesitate")
async def hesitate(websocket: WebSocket):
    await behaviour.hesitate(Socket(websocket))


fastapi.mount("/mounted/{tenant}", under)
app = watched(fastapi)

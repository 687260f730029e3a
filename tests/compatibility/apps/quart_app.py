"""Quart: its handler is cancelled when the client leaves."""

import asyncio

import behaviour
from quart import Blueprint, Quart, abort, websocket
from switching import watched


class Socket:
    gone = asyncio.CancelledError

    async def accept(self, subprotocol=None):
        await websocket.accept(subprotocol=subprotocol)

    async def receive(self):
        return await websocket.receive()

    async def send(self, said):
        await websocket.send(said)

    async def close(self, code, reason):
        await websocket.close(code, reason)

    async def wait_for_departure(self):
        await asyncio.Event().wait()


quart = Quart("quart_app")
under = Blueprint("under", "under", url_prefix="/mounted/<tenant>")


@quart.websocket("/echo/<room>")
async def echo(room):
    await behaviour.echo(Socket())


@under.websocket("/echo/<room>")
async def mounted(tenant, room):
    await behaviour.echo(Socket())


@quart.websocket("/choose")
async def choose():
    await behaviour.choose(Socket())


@quart.websocket("/deny")
async def deny():
    await behaviour.deny(Socket())


@quart.websocket("/deny-response")
async def deny_with_response():
    abort(401)


@quart.websocket("/broken")
async def broken():
    await behaviour.broken(Socket())


@quart.websocket("/hesitate")
async def hesitate():
    await behaviour.hesitate(Socket())


@quart.websocket("/excluded")
async def excluded():
    await behaviour.echo(Socket())


quart.register_blueprint(under)
app = watched(quart)

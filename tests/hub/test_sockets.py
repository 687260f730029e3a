"""Frameworks' sockets and bare ASGI, with no telemetry and no OpenTelemetry SDK around."""

import subprocess
import sys

import litestar
import pytest
from fastapi import FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from tests.hub.servers import WIRED, hub_served
from websockets.asyncio.client import connect

pytestmark = pytest.mark.anyio


async def echo(hub, websocket):
    async with hub.connect(websocket, user="ann") as client:
        await client.subscribe("room")
        async for message in client:
            await client.publish("room", message)


def fastapi_app(hub):
    app = FastAPI()

    @app.websocket("/")
    async def endpoint(websocket: WebSocket):
        await echo(hub, websocket)

    return app


def accepted_app(hub):
    app = FastAPI()

    @app.websocket("/")
    async def endpoint(websocket: WebSocket):
        await websocket.accept()
        await echo(hub, websocket)

    return app


def starlette_app(hub):
    async def endpoint(websocket):
        await echo(hub, websocket)

    return Starlette(routes=[WebSocketRoute("/", endpoint)])


def litestar_app(hub):
    @litestar.websocket("/")
    async def endpoint(socket: litestar.WebSocket) -> None:
        await echo(hub, socket)

    return litestar.Litestar([endpoint])


def bare_app(hub):
    async def app(scope, receive, send):
        await echo(hub, (scope, receive, send))

    return app


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("server", [WIRED, "uvicorn, sansio"])
@pytest.mark.parametrize("app", [fastapi_app, accepted_app, starlette_app, litestar_app, bare_app])
async def test_any_socket_is_one_of_the_hub(app, server, watched):
    async with hub_served(server, app=app, watched=watched) as served, connect(served.url) as client:
        await served.members(1)
        for message in ("text", b"bytes", "größe"):
            await client.send(message)
            assert await client.recv() == message
        await served.hub.publish_to_user("ann", {"json": None})
        assert await client.recv() == '{"json":null}'
        assert served.room[:2] == (3, 3)
        if watched:
            sent = served.captured.value("websocket.server.messages", **{"network.io.direction": "transmit"})
            assert sent == 4
            assert (
                served.captured.value("websocket.channel.subscriber.count", **{"websocket.channel.name": "room"}) == 1
            )


def test_a_hub_needs_no_sdk():
    program = (
        "import sys\n"
        "for name in ('opentelemetry.sdk', 'uvicorn', 'starlette', 'fastapi', 'redis'): sys.modules[name] = None\n"
        "import asyncio\n"
        "from socketscope import Hub\n"
        "async def main():\n"
        "    sent, told = [], asyncio.Queue()\n"
        "    told.put_nowait({'type': 'websocket.connect'})\n"
        "    async def send(message): sent.append(message)\n"
        "    async with Hub() as hub:\n"
        "        async with hub.connect(({'type': 'websocket', 'headers': []}, told.get, send)) as client:\n"
        "            await client.subscribe('room')\n"
        "            await hub.publish('room', 'hello')\n"
        "    print([message['type'] for message in sent], sent[1]['text'])\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['websocket.accept', 'websocket.send'] hello"

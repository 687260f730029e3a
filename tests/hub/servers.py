"""Servers on free ports for the tests of the hub: with a wire, and with plain ASGI alone."""

import asyncio
import contextlib
import socket

import hypercorn.asyncio
import hypercorn.config
import uvicorn

from socketscope.hub import Hub
from socketscope.instrumentation.middleware import WebSocketMiddleware
from socketscope.testing import capture

HOST = "127.0.0.1"
WIRED = "uvicorn, our protocol"
PLAIN = ("uvicorn, sansio", "uvicorn, wsproto", "hypercorn")
SERVERS = (WIRED, *PLAIN)
_WS = {WIRED: "socketscope.hub.uvicorn:Protocol", "uvicorn, sansio": "websockets-sansio", "uvicorn, wsproto": "wsproto"}


@contextlib.asynccontextmanager
async def served(app, server, *, drain=None):
    """Serve an ASGI application; gives its URL. At the end it shuts down as at SIGTERM.

    `drain` is called by hypercorn's shutdown trigger.
    """
    listening = socket.socket()
    listening.bind((HOST, 0))
    url = f"ws://{HOST}:{listening.getsockname()[1]}"
    async with _hypercorn(app, listening, drain) if server == "hypercorn" else _uvicorn(app, listening, _WS[server]):
        yield url


@contextlib.asynccontextmanager
async def _uvicorn(app, listening, ws):
    config = uvicorn.Config(app, ws=ws, lifespan="off", log_level="critical", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve([listening]))
    await until(lambda: server.started or task.done())
    try:
        yield
    finally:
        server.should_exit = True
        await task
        listening.close()


@contextlib.asynccontextmanager
async def _hypercorn(app, listening, drain):
    config = hypercorn.config.Config()
    listening.listen()
    config.bind = [f"fd://{listening.detach()}"]
    config.errorlog = None
    config.graceful_timeout = 0.1
    stop = asyncio.Event()

    async def stopped():
        await stop.wait()
        if drain is not None:
            await drain()

    task = asyncio.create_task(hypercorn.asyncio.serve(app, config, shutdown_trigger=stopped))
    try:
        yield
    finally:
        stop.set()
        await task


async def until(condition, within=20):
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.005)


class Served:
    """A hub behind a server, watched: its clients join `room`, and publish there what they say."""

    def __init__(self, hub, captured, url):
        self.hub = hub
        self.captured = captured
        self.url = url

    @property
    def ledgers(self):
        return self.hub.telemetry.accumulators.ledgers.totals()

    @property
    def room(self):
        return self.ledgers["room"]

    async def members(self, number, channel="room"):
        await until(lambda: self.hub.subscribers(channel) == number)

    def balanced(self):
        self.hub.check()
        assert all(counts.balance == 0 for counts in self.ledgers.values())
        return True


def chat(hub):
    async def app(scope, receive, send):
        assert scope["type"] == "websocket"
        user = scope["query_string"].decode() or None
        async with hub.connect((scope, receive, send), user=user) as client:
            await client.subscribe("room")
            async for message in client:
                await client.publish("room", message)

    return app


@contextlib.asynccontextmanager
async def hub_served(server, *, app=chat, watched=True, broker=None, **options):
    with capture() as captured:
        async with Hub(broker, telemetry=captured.telemetry, **options) as hub:
            application = app(hub)
            if watched:
                application = WebSocketMiddleware(application, reporter=captured.reporter)
            async with served(application, server) as url:
                found = Served(hub, captured, url)
                yield found
            found.balanced()

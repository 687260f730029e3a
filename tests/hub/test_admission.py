"""What happens while a client is on its way in: the hub drains, or the client leaves."""

import asyncio

import pytest

from socketscope.errors import RefusedError
from socketscope.hub import Access, Hub, Identity
from socketscope.testing import AsgiClient

pytestmark = pytest.mark.anyio


class Slow:
    """Hooks that decide when they are told to."""

    def __init__(self):
        self.asked, self.decide = asyncio.Event(), asyncio.Event()

    async def connect(self, handshake):
        self.asked.set()
        await self.decide.wait()
        return Identity("ann")

    async def authenticate(self, message):
        return Identity(message)


class Endpoint:
    """Takes connections into a hub, and keeps what `hub.connect` raised."""

    def __init__(self, hub, socket=tuple):
        self.hub, self.socket = hub, socket
        self.raised = self.entered = None

    async def __call__(self, scope, receive, send):
        try:
            async with self.hub.connect(self.socket((scope, receive, send))) as client:
                self.entered = client
                async for _ in client:
                    pass
        except Exception as error:
            self.raised = error
            raise


@pytest.mark.parametrize("hook", ["connect", "authenticate"])
async def test_a_hub_that_drains_lets_in_nobody_whose_handshake_has_begun(hook):
    hooks = Slow()
    hub = Hub(access=Access(**{hook: getattr(hooks, hook)}))
    await hub.start()
    endpoint = Endpoint(hub)
    client = AsgiClient(endpoint)
    async with client:
        if hook == "connect":
            await hooks.asked.wait()
        else:
            await client.accepted()
        await hub.drain()
        hooks.decide.set()
        if hook == "connect":
            await client.accepted()
        await client.send_text("ann")
        closed = await client.receive()
        await client.finished()
    assert (closed["type"], closed["code"]) == ("websocket.close", 1012)
    assert closed["reason"].startswith("retry-after=")
    assert isinstance(endpoint.raised, RefusedError)
    assert (endpoint.entered, hub.clients) == (None, {})
    await hub.stop()

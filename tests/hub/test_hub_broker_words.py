"""What comes from the broker is checked before it is believed."""

import asyncio

import pytest
from tests.hub.scripted_sockets import WiredSocket

from socketscope.hub import Hub
from socketscope.hub.brokers.memory import MemoryBroker
from socketscope.hub.message import Envelope, user_topic
from socketscope.testing import capture

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"[]", b"7", b'{"code": 1005, "reason": ""}', b'{"code": 1000, "reason": 7}']
)
async def test_a_close_that_can_not_be_read_closes_nobody(payload, caplog):
    broker = MemoryBroker()
    with capture() as captured:
        async with Hub(broker, telemetry=captured.telemetry) as hub:
            socket = WiredSocket(hub, user="ann")
            while socket.client is None:
                await asyncio.sleep(0)
            await broker.publish(Envelope(user_topic("ann"), payload, "close", publisher="somebody else"))
            assert socket.client.open
            assert "somebody else" in caplog.text
            await hub.disconnect("ann", 4001)
            assert socket.closed == 4001

"""The chat of `chat.py` on the hub: rooms over any number of processes, and nobody waits for a slow member.

With `REDIS_URL` set its processes reach one another through that server; without it there is to be one process.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, WebSocket

from socketscope import Hub
from socketscope.errors import ClientGoneError, RefusedError
from socketscope.hub.brokers.base import Broker
from socketscope.hub.brokers.memory import MemoryBroker
from socketscope.hub.client import Client

BANNED = {"mallory", "trudy"}


def broker() -> Broker:
    if "REDIS_URL" not in os.environ:
        return MemoryBroker()
    from socketscope.hub.brokers.redis import RedisBroker

    return RedisBroker(os.environ["REDIS_URL"])


hub = Hub(broker())


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with hub:
        yield


app = FastAPI(title="Chat", lifespan=lifespan)


@app.get("/")
async def status() -> dict[str, str]:
    return {"message": "Chat", "status": "online", "timestamp": datetime.now(UTC).isoformat()}


@app.websocket("/ws/{room}")
async def chat(websocket: WebSocket, room: str, user: str = "") -> None:
    if not user or user in BANNED:
        await websocket.close(code=1008)
        return
    with suppress(RefusedError, ClientGoneError):
        async with hub.connect(websocket, user=user) as client:
            await client.subscribe(room)
            try:
                await hub.publish(room, {"type": "joined", "user": user})
                async for message in client:
                    if isinstance(message, bytes):
                        await client.publish(room, message)
                    else:
                        await answer(client, room, user, json.loads(message))
            finally:
                client.unsubscribe(room)
                await hub.publish(room, {"type": "left", "user": user})


async def answer(client: Client, room: str, user: str, command: dict[str, Any]) -> None:
    if command["action"] == "say":
        await client.publish(room, {"type": "message", "user": user, "text": command["text"]})
    elif command["action"] == "split":
        share = command["amount"] / command["people"]
        await client.publish(room, {"type": "share", "user": user, "text": f"{share:.2f} each"})

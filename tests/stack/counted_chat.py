"""The chat with its own count of the sends that returned, written to a file when the server stops."""

import json
import os
from pathlib import Path

from socketscope.demo import chat

returned = {"messages": 0, "bytes": 0}


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await chat.app(scope, receive, _write_at_the_end(send))
        return

    async def counting(message):
        await send(message)
        if message["type"] == "websocket.send":
            returned["messages"] += 1
            returned["bytes"] += len(message["text"].encode() if message.get("bytes") is None else message["bytes"])

    await chat.app(scope, receive, counting)


def write(text):
    Path(os.environ["COUNTED"]).write_text(text, encoding="utf-8")


def _write_at_the_end(send):
    async def wrapped(message):
        if message["type"] == "lifespan.shutdown.complete":
            write(json.dumps(returned))
        await send(message)

    return wrapped

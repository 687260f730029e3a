"""Writes the ASGI messages that an application sees, one a line, into the file that COMPATIBILITY_TAPE names."""

import json
import os


class Taped:
    """`app` with its WebSocket messages on the tape, under the client's User-Agent."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        agent = dict(scope["headers"]).get(b"user-agent", b"").decode()
        write(agent, "scope", {key: scope.get(key) for key in ("http_version", "scheme")})

        async def taped_receive():
            message = await receive()
            write(agent, "receive", message)
            return message

        async def taped_send(message):
            write(agent, "send", message)
            try:
                await send(message)
            except BaseException as error:
                write(agent, "send raised", {"type": type(error).__name__})
                raise

        try:
            await self.app(scope, taped_receive, taped_send)
        except BaseException as error:
            write(agent, "raised", {"type": type(error).__name__})
            raise
        write(agent, "returned", {})


def write(agent, what, message):
    line = json.dumps([agent, what, {key: shown(value) for key, value in message.items()}])
    with open(os.environ["COMPATIBILITY_TAPE"], "a", encoding="utf-8") as tape:  # noqa: PTH123  # one write a line
        tape.write(line + "\n")


def shown(value):
    if isinstance(value, str | bytes) and len(value) > 40:
        return f"{len(value)} {'characters' if isinstance(value, str) else 'bytes'}"
    if value is None or isinstance(value, str):
        return value
    return int(value) if isinstance(value, int) else repr(value)

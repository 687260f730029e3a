"""Plain ASGI, with a mount that rewrites the path in place."""

import behaviour
from switching import watched


class Gone(Exception):
    """The client has left."""


class Socket:
    gone = Gone

    def __init__(self, receive, send):
        self._receive = receive
        self._send = send

    async def accept(self, subprotocol=None):
        assert (await self._receive())["type"] == "websocket.connect"
        await self._send({"type": "websocket.accept", "subprotocol": subprotocol})

    async def receive(self):
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise Gone
        text = message.get("text")
        return message["bytes"] if text is None else text

    async def send(self, said):
        # Both keys, one of them None, as engine.io does.
        is_text = isinstance(said, str)
        message = {"type": "websocket.send", "text": said if is_text else None, "bytes": None if is_text else said}
        await self._send(message)

    async def close(self, code, reason):
        await self._send({"type": "websocket.close", "code": code, "reason": reason})

    async def wait_for_departure(self):
        while (await self._receive())["type"] != "websocket.disconnect":
            pass


async def deny_with_response(_receive, send):
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b"who ", "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b"are you?", "more_body": False})


ROUTES = {
    "echo": behaviour.echo,
    "choose": behaviour.choose,
    "deny": behaviour.deny,
    "broken": behaviour.broken,
    "hesitate": behaviour.hesitate,
    "excluded": behaviour.echo,
}


async def raw(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["path"].startswith("/mounted/"):
        scope["path"] = scope["path"].removeprefix("/mounted/7")
    name = scope["path"].split("/")[1]
    if name == "deny-response":
        await deny_with_response(receive, send)
    elif name in ROUTES:
        await ROUTES[name](Socket(receive, send))
    else:
        await send({"type": "websocket.close", "code": 1000})


app = watched(raw)

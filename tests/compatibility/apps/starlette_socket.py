"""The WebSocket of Starlette and FastAPI."""

from starlette.websockets import WebSocketDisconnect


class Socket:
    gone = WebSocketDisconnect

    def __init__(self, websocket):
        self.websocket = websocket

    async def accept(self, subprotocol=None):
        await self.websocket.accept(subprotocol)

    async def receive(self):
        message = await self.websocket.receive()
        self.websocket._raise_on_disconnect(message)
        text = message.get("text")
        return message["bytes"] if text is None else text

    async def send(self, said):
        await (self.websocket.send_text(said) if isinstance(said, str) else self.websocket.send_bytes(said))

    async def close(self, code, reason):
        await self.websocket.close(code, reason)

    async def wait_for_departure(self):
        while (await self.websocket.receive())["type"] != "websocket.disconnect":
            pass


def endpoint(handler):
    async def handle(websocket):
        await handler(Socket(websocket))

    return handle

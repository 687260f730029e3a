"""Litestar."""

import behaviour
from litestar import Litestar, Router, WebSocket, websocket
from litestar.exceptions import NotAuthorizedException, WebSocketDisconnect
from switching import watched


class Socket:
    gone = WebSocketDisconnect

    def __init__(self, socket):
        self.socket = socket

    async def accept(self, subprotocol=None):
        await self.socket.accept(subprotocols=subprotocol)

    async def receive(self):
        message = await self.socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(code=message["code"], detail="")
        text = message.get("text")
        return message["bytes"] if text is None else text

    async def send(self, said):
        await (self.socket.send_text(said) if isinstance(said, str) else self.socket.send_bytes(said))

    async def close(self, code, reason):
        await self.socket.close(code, reason)

    async def wait_for_departure(self):
        while (await self.socket.receive())["type"] != "websocket.disconnect":
            pass


@websocket("/echo/{room:str}")
async def echo(socket: WebSocket) -> None:
    await behaviour.echo(Socket(socket))


@websocket("/choose")
async def choose(socket: WebSocket) -> None:
    await behaviour.choose(Socket(socket))


@websocket("/deny")
async def deny(socket: WebSocket) -> None:
    await behaviour.deny(Socket(socket))


@websocket("/deny-response")
async def deny_with_response(socket: WebSocket) -> None:
    raise NotAuthorizedException("who are you?")


@websocket("/invalid")
async def invalid(socket: WebSocket, number: int) -> None: ...


@websocket("/broken")
async def broken(socket: WebSocket) -> None:
    await behaviour.broken(Socket(socket))


@websocket("/hesitate")
async def hesitate(socket: WebSocket) -> None:
    await behaviour.hesitate(Socket(socket))


@websocket("/excluded")
async def excluded(socket: WebSocket) -> None:
    await behaviour.echo(Socket(socket))


@websocket("/echo/{room:str}")
async def mounted(socket: WebSocket) -> None:
    await behaviour.echo(Socket(socket))


under = Router("/mounted/{tenant:str}", route_handlers=[mounted])
app = watched(Litestar([echo, choose, deny, deny_with_response, invalid, broken, hesitate, excluded, under]))

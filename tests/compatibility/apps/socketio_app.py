"""python-socketio: packets over engine.io, which has pings of its own."""

import socketio
from switching import watched

server = socketio.AsyncServer(async_mode="asgi", ping_interval=0.2, ping_timeout=20)


@server.event
async def say(sid, text):
    if text == "raise":
        raise ValueError("told to")
    if text == "disconnect":
        await server.disconnect(sid)
        return
    await server.emit("said", text, to=sid)


@server.event
async def connect(sid, environ, auth):
    if environ.get("QUERY_STRING", "").endswith("refuse=1"):
        raise socketio.exceptions.ConnectionRefusedError("not you")


app = watched(socketio.ASGIApp(server))

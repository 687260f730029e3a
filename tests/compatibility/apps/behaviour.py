"""What every application of the matrix does, over whatever its framework calls a WebSocket.

Handlers are written as anybody would write them: they know nothing of socketscope.
"""

import asyncio


async def echo(socket):
    """Echo, or do what a message says."""
    await socket.accept()
    try:
        while True:
            said = await socket.receive()
            await (COMMANDS.get(said) or answer)(socket, said)
            if said in {"return", "close"}:
                return
    except socket.gone:
        pass


async def answer(socket, said):
    await socket.send(said)


async def fail(_socket, _said):
    raise ValueError("told to")


async def nothing(_socket, _said):
    pass


async def close(socket, _said):
    """Close, and ask again: what comes then differs from server to server."""
    await socket.close(4001, "enough")
    await socket.receive()


async def late(socket, _said):
    """Send and never look whether the client is still there."""
    while True:
        await socket.send("x" * 1000)
        await asyncio.sleep(0.01)


async def flood(socket, _said):
    while True:
        await socket.send(b"x" * 1_000_000)


async def fail_after_departure(socket, _said):
    try:
        await socket.receive()
    except socket.gone:
        raise KeyError("while cleaning up")  # noqa: B904  # handlers are written so


async def close_after_departure(socket, _said):
    """As engine.io does."""
    try:
        await socket.receive()
    except socket.gone:
        await socket.close(1000, "")
        raise


async def race(socket, _said):
    """Race `receive()` against something else, and cancel it."""
    for _ in range(3):
        asking = asyncio.ensure_future(socket.receive())
        await asyncio.wait({asking}, timeout=0.01)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    await socket.send("raced")


COMMANDS = {
    "raise": fail,
    "return": nothing,
    "close": close,
    "late": late,
    "flood": flood,
    "cleanup": fail_after_departure,
    "close late": close_after_departure,
    "race": race,
}


async def choose(socket):
    """Choose a sub-protocol."""
    await socket.accept("chat.v2")
    try:
        while True:
            await socket.send(await socket.receive())
    except socket.gone:
        pass


async def deny(socket):
    await socket.close(4003, "not you")


async def broken(_socket):
    raise ValueError("before accept")


async def hesitate(socket):
    """Wait for the client to leave before it gets an answer."""
    await socket.wait_for_departure()

"""A chat over WebSockets: rooms, messages, attachments, and a small calculator for restaurant bills."""

import json
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

BANNED = {"mallory", "trudy"}

app = FastAPI(title="Chat")


class Rooms:
    """Who is where, and how to reach them."""

    def __init__(self) -> None:
        self.members: defaultdict[str, set[WebSocket]] = defaultdict(set)

    def enter(self, room: str, websocket: WebSocket) -> None:
        self.members[room].add(websocket)

    def leave(self, room: str, websocket: WebSocket) -> None:
        self.members[room].discard(websocket)
        if not self.members[room]:
            del self.members[room]

    async def tell(self, room: str, message: dict[str, Any]) -> None:
        text = json.dumps(message, ensure_ascii=False)
        for member in list(self.members.get(room, ())):
            with suppress(WebSocketDisconnect, RuntimeError):  # this one is gone, the others still listen
                await member.send_text(text)

    async def hand_out(self, room: str, attachment: bytes) -> None:
        for member in list(self.members.get(room, ())):
            with suppress(WebSocketDisconnect, RuntimeError):
                await member.send_bytes(attachment)


rooms = Rooms()


@app.get("/")
async def status() -> dict[str, str]:
    return {"message": "Chat", "status": "online", "timestamp": datetime.now(UTC).isoformat()}


@app.websocket("/ws/{room}")
async def chat(websocket: WebSocket, room: str, user: str = "") -> None:
    if not user or user in BANNED:
        await websocket.close(code=1008)
        return
    await websocket.accept()
    rooms.enter(room, websocket)
    try:
        await rooms.tell(room, {"type": "joined", "user": user})
        while (message := await websocket.receive())["type"] != "websocket.disconnect":
            if message.get("bytes") is not None:
                await rooms.hand_out(room, message["bytes"])
            else:
                await answer(room, user, json.loads(message["text"]))
    finally:
        rooms.leave(room, websocket)
        await rooms.tell(room, {"type": "left", "user": user})


async def answer(room: str, user: str, command: dict[str, Any]) -> None:
    if command["action"] == "say":
        await rooms.tell(room, {"type": "message", "user": user, "text": command["text"]})
    elif command["action"] == "split":
        share = command["amount"] / command["people"]
        await rooms.tell(room, {"type": "share", "user": user, "text": f"{share:.2f} each"})

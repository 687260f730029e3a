"""WebSockets whose clients read when they are told to: with a wire, and with plain ASGI alone."""

import asyncio
import json

from socketscope import semconv
from socketscope.instrumentation.middleware import WebSocketMiddleware


class ScriptedSocket:
    """Takes `room` messages that nobody has read; then its server waits. `taken` are all that it ever took."""

    def __init__(self, hub, *, user, room=3, reporter=None):
        self.taken = []
        self.client = None
        self.closed = None
        self.gone = False
        self._room = room
        self._unread = 0
        self._told = asyncio.Queue()
        self._told.put_nowait({"type": "websocket.connect"})
        self._read = asyncio.Event()
        self.task = asyncio.get_running_loop().create_task(self._handle(hub, user, reporter))

    def scope(self):
        return {"type": "websocket", "headers": [], "path": "/"}

    async def _handle(self, hub, user, reporter):
        async def app(scope, receive, send):
            async with hub.connect((scope, receive, send), user=user) as client:
                self.client = client
                async for _ in client:
                    pass

        watched = app if reporter is None else WebSocketMiddleware(app, reporter=reporter)
        await watched(self.scope(), self._told.get, self.send)

    async def send(self, message):
        kind = message["type"]
        if kind == "websocket.accept":
            return
        while self._unread >= self._room and not self.gone:
            self._read.clear()
            await self._read.wait()
        if self.gone:
            raise OSError("the client is gone")
        if kind == "websocket.close":
            self.closed = message["code"]
            self._told.put_nowait({"type": "websocket.disconnect", "code": message["code"]})
            return
        self._take(message["text"])

    def _take(self, text):
        self._unread += 1
        self.taken.append(json.loads(text))

    def read(self, number):
        self._unread = max(0, self._unread - number)
        self._read.set()

    def leave(self):
        self.gone = True
        self._read.set()
        self._told.put_nowait({"type": "websocket.disconnect", "code": 1005})


class WiredSocket(ScriptedSocket):
    """Is its own wire, and its own transport."""

    def __init__(self, hub, **options):
        self.transport = self
        self.writing_paused = False
        self.on_pause = self.on_resume = self.on_closing = self.on_shutdown = self.on_pong = None
        super().__init__(hub, **options)

    def scope(self):
        return {**super().scope(), "extensions": {semconv.WIRE_KEY: self}}

    async def send(self, message):
        if message["type"] == "websocket.close" and not self.gone:
            self.closed = message["code"]
            self.leave()

    def is_closing(self):
        return self.gone

    def is_open(self):
        return not self.gone

    def get_write_buffer_size(self):
        return self._unread

    def write(self, frame):
        assert not self.gone
        start = {126: 4, 127: 10}.get(frame[1], 2)
        self._take(frame[start:])
        if self._unread >= self._room and not self.writing_paused:
            self.writing_paused = True
            if self.on_pause is not None:
                self.on_pause()

    def read(self, number):
        super().read(number)
        if self.writing_paused and self._unread <= self._room // 2 and not self.gone:
            self.writing_paused = False
            if self.on_resume is not None:
                self.on_resume()

    def abort(self):
        self.leave()

    def leave(self):
        super().leave()
        if self.on_closing is not None:
            self.on_closing()

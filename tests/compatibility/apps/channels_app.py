"""Django Channels: consumers are called for each message, there is no loop of their own."""

import asyncio

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path
from switching import watched

if not settings.configured:
    settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="none", INSTALLED_APPS=["channels"])
django.setup()


class Echo(AsyncWebsocketConsumer):
    after = ""

    async def receive(self, text_data=None, bytes_data=None):
        if text_data == "raise":
            raise ValueError("told to")
        if text_data == "close":
            await self.close(4001, "enough")
        elif text_data == "late":
            self.task = asyncio.current_task()
            while True:
                await self.send("x" * 1000)
                await asyncio.sleep(0.01)
        elif text_data == "flood":
            while True:
                await self.send(bytes_data=b"x" * 1_000_000)
        elif text_data in {"cleanup", "close late"}:
            self.after = text_data
        else:
            await self.send(text_data, bytes_data)

    async def disconnect(self, code):
        if self.after == "cleanup":
            raise KeyError("while cleaning up")
        if self.after == "close late":
            await self.close(1000)


class Choose(Echo):
    async def connect(self):
        await self.accept("chat.v2")


class Deny(AsyncWebsocketConsumer):
    async def connect(self):
        await self.close(4003, "not you")


class Broken(AsyncWebsocketConsumer):
    async def connect(self):
        raise ValueError("before accept")


class Hesitate(AsyncWebsocketConsumer):
    async def connect(self):
        pass


routes = [
    path("echo/<str:room>", Echo.as_asgi()),
    path("mounted/<str:tenant>/", URLRouter([path("echo/<str:room>", Echo.as_asgi())])),
    path("choose", Choose.as_asgi()),
    path("deny", Deny.as_asgi()),
    path("broken", Broken.as_asgi()),
    path("hesitate", Hesitate.as_asgi()),
    path("excluded", Echo.as_asgi()),
]
app = watched(ProtocolTypeRouter({"websocket": URLRouter(routes)}))

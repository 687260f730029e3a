"""Channels that no slow client can stall, with every delivery accounted for.

```python
async with Hub() as hub:
    async with hub.connect(websocket, user="ann") as client:
        await client.subscribe("room")
        async for message in client:
            await client.publish("room", message)
```
"""

from __future__ import annotations

from socketscope.hub.access import Access, Handshake, Identity
from socketscope.hub.client import Client
from socketscope.hub.hub import Hub
from socketscope.hub.message import Position
from socketscope.hub.options import ChannelOptions, Coalesce, Disconnect, DropNewest, DropOldest, Limits
from socketscope.hub.tickets import Tickets

__all__ = [
    "Access",
    "ChannelOptions",
    "Client",
    "Coalesce",
    "Disconnect",
    "DropNewest",
    "DropOldest",
    "Handshake",
    "Hub",
    "Identity",
    "Limits",
    "Position",
    "Tickets",
]

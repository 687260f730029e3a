"""Channels that no slow client can stall, with every delivery accounted for.

```python
async with Hub() as hub:
    async with hub.connect(websocket, user="ann") as client:
        await client.subscribe("room")
        async for message in client:
            await client.publish("room", message)
```
"""

"""Starlette, with a mount and an application under it."""

import behaviour
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount, WebSocketRoute
from starlette_socket import endpoint
from switching import watched


async def deny_with_response(_socket):
    raise HTTPException(401, "who are you?")


under = Starlette(routes=[WebSocketRoute("/echo/{room}", endpoint(behaviour.echo))])
starlette = Starlette(
    routes=[
        WebSocketRoute("/echo/{room}", endpoint(behaviour.echo)),
        WebSocketRoute("/choose", endpoint(behaviour.choose)),
        WebSocketRoute("/deny", endpoint(behaviour.deny)),
        WebSocketRoute("/deny-response", endpoint(deny_with_response)),
        WebSocketRoute("/broken", endpoint(behaviour.broken)),
        WebSocketRoute("/hesitate", endpoint(behaviour.hesitate)),
        WebSocketRoute("/excluded", endpoint(behaviour.echo)),
        Mount("/mounted/{tenant}", app=under),
    ]
)
app = watched(starlette)

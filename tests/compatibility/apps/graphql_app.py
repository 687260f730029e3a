"""Subscriptions of strawberry over the sub-protocol graphql-transport-ws, in FastAPI."""

import asyncio
from collections.abc import AsyncGenerator

import strawberry
from fastapi import FastAPI
from strawberry.fastapi import GraphQLRouter
from switching import watched


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "x"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int) -> AsyncGenerator[int, None]:
        for number in range(to):
            yield number
            await asyncio.sleep(0)

    @strawberry.subscription
    async def fail(self) -> AsyncGenerator[int, None]:
        yield 0
        raise ValueError("told to")


fastapi = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
fastapi.include_router(GraphQLRouter(strawberry.Schema(Query, subscription=Subscription)), prefix="/graphql")
app = watched(fastapi)

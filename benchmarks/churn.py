"""Joins and leaves on a channel with many members: whether gauges are exact afterwards, and nothing is left behind.

10,000 clients are in a channel; within 10 seconds 5,000 more connect, join and leave again, while messages are
published to all. Afterwards every gauge must tell the members exactly, and once they have left, 0.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from brokers_parts import REQUEST
from fanout_servers import HOST, ROOM, room_of, uvicorn_server
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from programs import Program, program, told
from rounds import surroundings, write
from sink import Sink
from watchers import SINK, providers

from socketscope.telemetry.ledger import Counts

PROTOCOL: Final = "socketscope.hub.uvicorn:Protocol"
SECONDS_BAR: Final = 10.0
OF_MEMBERS: Final = frozenset({"subscriber.count", "active_connections", "present", "clients"})
"""What counts the members; everything else is to be 0, but for tasks."""


async def serve() -> None:
    """Serve one room; told on standard input.

    `members N` -> once there are so many; `publish SECONDS` -> publishes once a second for so long, in the
    background; `account` -> gauges and tasks as JSON.
    """
    from socketscope import Hub
    from socketscope.instrumentation.options import Options
    from socketscope.instrumentation.reporter import Reporter
    from socketscope.telemetry.process import Telemetry

    telemetry, gauges = Telemetry(), Gauges()
    found = providers(telemetry)
    found["meter_provider"].add_metric_reader(gauges.reader)
    telemetry.switch_on(provider=found["meter_provider"])
    async with Hub(telemetry=telemetry) as hub:
        app = room_of(hub, Reporter(telemetry, Options(), providers=found))
        async with uvicorn_server(app, PROTOCOL, ws_ping_interval=None) as port:
            print(port, flush=True)
            publishing: asyncio.Task[None] | None = None
            async for what, *arguments in told():
                if what == "members":
                    while hub.subscribers(ROOM) != int(arguments[0]):  # noqa: ASYNC110 - hubs have no event for it
                        await asyncio.sleep(0.02)
                    print("there", flush=True)
                elif what == "publish":
                    gc.collect()  # what the garbage collector owes to the opening of the members' connections
                    publishing = asyncio.create_task(publish(hub, float(arguments[0])))
                    print("publishing", flush=True)
                else:
                    if publishing is not None:
                        await publishing
                        publishing = None
                    print(json.dumps(await account(hub, gauges)), flush=True)


class Gauges:
    """What gauges say, as they are exported."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()

    def value(self, metric: str, **attributes: str) -> float:
        """Collect, and give the sum of the points of a metric that have these attributes."""
        data = self.reader.get_metrics_data()
        return sum(
            getattr(point, "value", 0)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for found in scope.metrics
            if found.name == metric
            for point in found.data.data_points
            if attributes.items() <= dict(point.attributes or {}).items()
        )


async def publish(hub: Any, seconds: float) -> None:
    """Publish once a second."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await hub.publish(ROOM, "m" * 128)
        await asyncio.sleep(1)


async def account(hub: Any, gauges: Gauges) -> dict[str, float]:
    """Give what everything that counts says, as it is exported; and the tasks of the process."""
    hub.check()
    channel = {"websocket.channel.name": ROOM}
    counts = hub.telemetry.accumulators.ledgers.totals().get(ROOM, Counts())
    return {
        "subscriber.count": gauges.value("websocket.channel.subscriber.count", **channel),
        "active_connections": gauges.value("websocket.server.active_connections"),
        "present": len(await hub.presence(ROOM)),
        "clients": len(hub.clients),
        "drift": gauges.value("socketscope.drift"),
        "unaccounted": counts.balance,
        "pending": counts.pending,
        "tasks": len(asyncio.all_tasks()),
    }


class Member(asyncio.Protocol):
    """A client that reads, and heeds nothing."""

    def __init__(self, host: str) -> None:
        self._request = REQUEST.format(room=ROOM, host=host).encode()
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """Ask for a WebSocket."""
        self.transport = transport
        transport.write(self._request)

    def data_received(self, _data: bytes) -> None:
        """Note the answer to the handshake, which comes first."""
        if not self.joined.done():
            self.joined.set_result(None)


async def be_members(port: int) -> None:
    """Be the clients; told on standard input: `join N`, `churn N SECONDS` -> the seconds that it took, `leave`."""
    gc.disable()  # the clients are what measures, not what is measured
    loop = asyncio.get_running_loop()
    host = f"{HOST}:{port}"
    members: list[Member] = []

    async def join() -> Member:
        _, member = await loop.create_connection(lambda: Member(host), HOST, port)
        await member.joined
        return member

    async def come_and_go(at: float) -> None:
        await asyncio.sleep(at - loop.time())
        member = await join()
        (member.transport.abort if at % 2 < 1 else member.transport.close)()

    async for what, *arguments in told():
        if what == "join":
            for _ in range(int(arguments[0]) // 50):
                members += await asyncio.gather(*(join() for _ in range(50)))
            print("joined", flush=True)
        elif what == "churn":
            number, seconds = int(arguments[0]), float(arguments[1])
            began = loop.time()
            await asyncio.gather(*(come_and_go(began + index / number * seconds) for index in range(number)))
            print(loop.time() - began, flush=True)
        else:
            for member in members:
                member.transport.close()
            print("left", flush=True)


def measure(server: Program, clients: Program, members: int, churn: int) -> dict[str, Any]:
    """Give the accounts: before the churn, after it, and when all have left."""
    empty = server.ask_json("account")
    clients.ask(f"join {members}")
    server.ask(f"members {members}")
    before = server.ask_json("account")
    server.ask("publish 10")
    seconds = float(clients.ask(f"churn {churn} 8"))
    server.ask(f"members {members}")
    after = server.ask_json("account")
    clients.ask("leave")
    server.ask("members 0")
    return {"seconds": seconds, "empty": empty, "before": before, "after": after, "left": server.ask_json("account")}


def main() -> None:
    """Run, print, and fail where a bar is missed."""
    parser = ArgumentParser(prog="scripts/bench churn", description=__doc__)
    parser.add_argument("--members", type=int, default=10_000, help="a multiple of 50")
    parser.add_argument("--churn", type=int, default=5_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    where = surroundings("uvicorn", "uvloop")
    print("  ".join(f"{name} {value}" for name, value in where.items()))
    with Sink() as sink:
        os.environ[SINK] = sink.url
        with program(__file__, "serve") as server, program(__file__, "members", server.read()) as clients:
            found = measure(server, clients, options.members, options.churn)
    for name, value in found.items():
        print(f"{name:<8} {value}")
    wrong = [
        f"{moment}: {name} {value}"
        for moment, members in (("before", options.members), ("after", options.members), ("left", 0))
        for name, value in found[moment].items()
        if name != "tasks" and value != (members if name in OF_MEMBERS else 0)
    ]
    tasks = [found[now]["tasks"] - found[then]["tasks"] for now, then in (("after", "before"), ("left", "empty"))]
    passed = not wrong and not any(tasks) and found["seconds"] <= SECONDS_BAR
    print(f"wrong {wrong}  tasks left {tasks}: {'pass' if passed else 'MISS'}")
    write(options.json, "churn", {"surroundings": where, "passed": passed, "wrong": wrong, "tasks": tasks, **found})
    sys.exit(not passed)


if __name__ == "__main__":
    if sys.argv[1:2] in (["serve"], ["members"]):
        import uvloop

        uvloop.run(serve() if sys.argv[1] == "serve" else be_members(int(sys.argv[2])))
    else:
        main()

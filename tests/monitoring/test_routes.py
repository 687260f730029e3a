"""The routes in one's own service, on a real uvicorn with real clients and no OpenTelemetry SDK."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, WebSocket, WebSocketDisconnect
from starlette.requests import HTTPConnection
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

import socketscope
from socketscope.instrumentation import own
from socketscope.monitoring.service import OwnService
from socketscope.telemetry import process
from socketscope.telemetry.process import Telemetry
from socketscope.telemetry.record import ConnectionRecord

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def own_telemetry(monkeypatch: pytest.MonkeyPatch) -> Telemetry:
    telemetry = Telemetry()
    monkeypatch.setattr(process, "_process", telemetry)
    monkeypatch.setattr(own, "process_telemetry", lambda: telemetry)
    monkeypatch.setattr(own._Own, "reporter", None)
    monkeypatch.setenv("SOCKETSCOPE_CHANNEL_FROM", "path:room")
    monkeypatch.setenv("SOCKETSCOPE_USER_FROM", "query:user")
    return telemetry


def chat(**options: Any) -> FastAPI:
    app = FastAPI()

    @app.websocket("/ws/{room}")
    async def room(websocket: WebSocket) -> None:
        await websocket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                text = await websocket.receive_text()
                if text == "raise":
                    raise ValueError(text)
                await websocket.send_text(text)

    app.include_router(socketscope.monitoring.router(**options))
    return app


@contextlib.asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{sock.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
    task = asyncio.create_task(server._serve([sock]))
    try:
        async with asyncio.timeout(10):
            while not server.started:  # uvicorn offers no event
                await asyncio.sleep(0.005)
        async with httpx.AsyncClient(base_url=f"http://{address}/monitoring/websocket") as client:
            yield client, address
    finally:
        server.should_exit = True
        await task
        sock.close()


async def test_including_the_router_is_all_there_is_to_do() -> None:
    async with served(chat()) as (api, address):
        async with (
            connect(f"ws://{address}/ws/a?user=ann") as first,
            connect(f"ws://{address}/ws/b?user=ann") as second,
        ):
            for client, text in ((first, "hello"), (second, "wörld")):
                await client.send(text)
                assert await client.recv() == text
            metrics = (await api.get("/metrics")).raise_for_status().json()
            assert metrics["current_connections"] == 2
            assert metrics["connections_by_channel"] == {"a": 1, "b": 1}
            assert (metrics["messages_received"], metrics["messages_sent"]) == (2, 2)
            assert (metrics["bytes_received"], metrics["bytes_sent"]) == (11, 11)
            assert (metrics["unique_users"], metrics["peak_connections"], metrics["errors"]) == (1, 2, 0)
            page = (await api.get("/connections", params={"limit": 1, "offset": 1})).json()
            assert page["total_active"] == 2
            assert [found["channels"] for found in page["active_connections"]] == [["a"]]
            await first.send("raise")
            await first.wait_closed()
        stats = (await api.get("/stats/24")).json()
        assert stats["connections_failed"] == 1
        assert (stats["total_connections"], stats["unique_channels"], stats["peak_connections"]) == (2, 2, 2)
        assert stats["complete"] is True
        health = (await api.get("/health")).raise_for_status().json()
        assert health["status"] == "healthy"
        assert health["metrics"]["current_connections"] == 0
        assert health["metrics"]["errors"] == 1


async def test_the_live_socket_pushes_on_its_channel_and_is_no_connection_of_the_service() -> None:
    async with served(chat()) as (_, address), connect(f"ws://{address}/monitoring/websocket/live") as live:
        message = json.loads(await live.recv())
        assert message["channel"] == "monitoring_metrics"
        assert message["data"]["current_connections"] == 0
        async with connect(f"ws://{address}/ws/a") as client:
            await client.send("x")
            await client.recv()
            async with asyncio.timeout(10):
                while (message := json.loads(await live.recv()))["data"]["messages_sent"] == 0:
                    pass
            assert message["data"]["current_connections"] == 1


async def test_a_page_of_another_origin_may_not_listen() -> None:
    async with served(chat()) as (_, address):
        with pytest.raises(InvalidStatus):
            await connect(f"ws://{address}/monitoring/websocket/live", origin="https://evil.example")


async def test_others_than_this_host_are_refused_unless_the_service_decides() -> None:
    transport = httpx.ASGITransport(chat(), client=("198.51.100.7", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://x/monitoring/websocket") as api:
        answer = await api.get("/metrics")
        assert answer.status_code == 403
        assert "dependencies" in answer.json()["detail"]

    async def token(connection: HTTPConnection) -> None:
        if connection.headers.get("authorization") != "Bearer t":
            raise HTTPException(401)

    transport = httpx.ASGITransport(chat(dependencies=[Depends(token)]), client=("198.51.100.7", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://x/monitoring/websocket") as api:
        assert (await api.get("/metrics")).status_code == 401
        # Let in, and told that nothing runs here: there is no lifespan under this transport.
        assert (await api.get("/metrics", headers={"authorization": "Bearer t"})).status_code == 503


async def test_a_router_whose_lifespan_did_not_run_says_so_in_place_of_zeros() -> None:
    root = FastAPI()
    root.mount("/inner", chat())
    async with served(root) as (_, address), httpx.AsyncClient(base_url=f"http://{address}") as api:
        answer = await api.get("/inner/monitoring/websocket/metrics")
        assert answer.status_code == 503
        assert "lifespan" in answer.json()["detail"]


async def test_a_drifting_gauge_is_unhealthy(own_telemetry: Telemetry) -> None:
    async with served(chat()) as (api, _):
        # A connection that left the gauge without leaving the table: what the audit at collection is there for.
        own_telemetry.accumulators.connections._active["/ws", 80] += 3
        own_telemetry.accumulators.connections.audited(own_telemetry.live.count_by_place())
        answer = await api.get("/health")
        assert answer.status_code == 503
        assert answer.json()["reasons"] == ["the gauge of open connections was off by 3 and was corrected"]


async def test_after_shutdown_nothing_runs_and_the_application_is_as_it_was() -> None:
    app = chat()
    tasks = asyncio.all_tasks()
    async with served(app):
        pass
    assert asyncio.all_tasks() == tasks
    assert type(app.middleware_stack).__name__ != "WebSocketMiddleware"


def test_without_psutil_the_system_is_null_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "psutil", None)
    metrics = OwnService(Telemetry()).metrics()
    assert metrics.system_metrics is None
    assert metrics.system_metrics_reason is not None
    assert "pip install 'socketscope[otlp]'" in metrics.system_metrics_reason


def test_the_peak_is_the_most_at_one_time_even_where_all_have_left() -> None:
    telemetry = Telemetry()
    telemetry.switch_on(keep_closed=True)
    now = telemetry.clock.wall()
    for number, (opened, closed) in enumerate([(0, 10), (5, 15), (10, 20), (11, 12)]):
        record = ConnectionRecord(f"{number:016x}", 0, 0)
        record.accepted_wall = now - int(1e9) * (100 - opened)
        telemetry.opened(record)
        telemetry.ended(record, now_wall=now - int(1e9) * (100 - closed), duration=closed - opened)
    stats = OwnService(telemetry).stats(1)
    assert stats.peak_connections == 3
    assert stats.avg_duration == (10 + 10 + 10 + 1) / 4


def test_the_rate_is_of_the_last_calls_and_not_of_a_lifetime() -> None:
    from socketscope.testing import FakeClock

    fake = FakeClock()
    telemetry = Telemetry(clock=fake.clock)
    service = OwnService(telemetry)
    assert service.metrics().messages_per_second is None
    flow = telemetry.accumulators.traffic(("/ws", 80)).receive
    flow.text[0] += 1_000_000
    for _ in range(20):
        service.sample()
        fake.advance(1)
        flow.text[0] += 5
    assert service.metrics().messages_per_second == 5.0

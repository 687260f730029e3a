"""The page on the hub says what is."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
from sybil import Document
from sybil.parsers.markdown import PythonCodeBlockParser
from tests.hub.servers import SERVERS, WIRED, chat, served, until
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from socketscope import semconv
from socketscope.hub import Access, Hub, Limits
from socketscope.telemetry.ledger import REASONS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "hub.md").read_text("utf-8")


@pytest.fixture(scope="module")
def page():
    document = Document.parse(str(DOCS / "hub.md"), PythonCodeBlockParser())
    for example in document:
        example.evaluate()
    return document.namespace


@pytest.mark.anyio
async def test_the_chat_is_complete(page):
    async with page["hub"] as hub, served(page["app"], WIRED) as url:
        async with connect(f"{url}/ws/room?user=ann") as ann, connect(f"{url}/ws/room?user=bob") as bob:
            await ann.send("hello")
            while json.loads(await ann.recv()) != {"from": "ann", "text": "hello"}:
                pass
            await hub.publish("room", {"to": "both"})
            assert json.loads(await ann.recv()) == {"to": "both"}
            await page["notice"](user="bob", text="for you")
            while json.loads(await bob.recv()) != {"notice": "for you"}:
                pass
        with pytest.raises(InvalidStatus):
            await connect(f"{url}/ws/room")
        with pytest.raises(InvalidStatus):
            await connect(f"{url}/ws/room?user=ann", origin="https://evil.example.com")
        async with connect(f"{url}/ws/private-ann?user=bob") as bob:
            with pytest.raises(ConnectionClosed) as closed:
                await bob.recv()
            assert closed.value.rcvd.code == 3003


BAD = {
    "a binary message": ("/ws/room?user=ann", b"hello", 1003),
    "larger than a message may be": ("/ws/room?user=ann", "x" * (Limits().message_bytes + 1), 1009),
    "too large once it is wrapped": ("/ws/room?user=ann", "x" * Limits().message_bytes, 1009),
    "too large once it is escaped": ("/ws/room?user=ann", "\x01" * 100_000, 1009),
    "a room whose name is too long": ("/ws/" + "r" * 257 + "?user=ann", None, 1008),
}


@pytest.mark.anyio
@pytest.mark.parametrize("server", SERVERS)
async def test_what_a_client_does_badly_is_answered_with_a_close_and_raises_nothing(page, server):
    raised = []

    async def app(scope, receive, send):
        assert scope["type"] == "websocket"  # the hub is entered here, not by a server's lifespan
        try:
            await page["app"](scope, receive, send)
        except BaseException as error:
            raised.append(error)
            raise

    ends = {}
    async with page["hub"], served(app, server) as url:
        for what, (path, message, _) in BAD.items():
            async with connect(url + path) as client:
                with pytest.raises(ConnectionClosed) as closed:
                    if message is not None:
                        await client.send(message)
                    await client.recv()
            ends[what] = closed.value.rcvd
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{url}/ws/room?user={'u' * 257}")
        assert refused.value.response.status_code == 403
    assert {what: end.code for what, end in ends.items()} == {what: code for what, (_, _, code) in BAD.items()}
    assert all(end.reason for end in ends.values())
    assert raised == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("server", "drains", "code", "advice"),
    [
        (WIRED, False, 1012, "retry-after="),
        ("uvicorn, sansio", False, 1012, ""),
        ("uvicorn, wsproto", False, 1012, ""),
        ("hypercorn", False, 1011, ""),
        ("hypercorn", True, 1012, "retry-after="),
    ],
)
async def test_how_servers_close_connections_when_they_are_stopped(server, drains, code, advice):
    async with Hub() as hub:
        async with served(chat(hub), server, drain=hub.drain if drains else None) as url:
            client = await connect(url)
            await until(lambda: hub.subscribers("room"))
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd.code == code
        assert closed.value.rcvd.reason.startswith(advice)
        assert bool(advice) == bool(closed.value.rcvd.reason)


@pytest.mark.anyio
async def test_the_ticket_is_one(page):
    async with page["members_only"]:
        issued = await page["ticket"]("ann")
        assert (await page["tickets"].redeem(issued["ticket"])).user == "ann"


def test_every_limit_is_described_with_its_default():
    described = {}
    for names, defaults in re.findall(r"^\| (`[\w`, ]+`) \| (.*?) \|", PAGE, re.MULTILINE):
        if "(" not in names.partition("`")[0]:
            cells = [cell.strip() for cell in defaults.split(", ")]
            described.update(zip(re.findall(r"`(\w+)`", names), cells, strict=False))
    for field in fields(Limits):
        number, _, unit = described[field.name].removesuffix(" (any)").partition(" ")
        assert float(number) * {"KiB": 1024}.get(unit, 1) == field.default, field.name


def test_every_hook_reason_and_metric_is_on_the_page():
    for field in fields(Access):
        assert field.name.startswith("_") or f"`{field.name}" in PAGE, field.name
    for reason in REASONS:
        assert f"`{reason}`" in PAGE
    for metric in (semconv.DELIVERIES, semconv.PENDING, semconv.QUEUE_SIZE, semconv.PING_DURATION):
        assert f"`{metric.name}`" in PAGE

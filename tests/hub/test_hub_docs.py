"""The page on the hub says what is."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
from sybil import Document
from sybil.parsers.markdown import PythonCodeBlockParser
from tests.hub.servers import WIRED, served
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from socketscope import semconv
from socketscope.hub import Access, Limits
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
            await page["notice"]("bob", "for you")
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

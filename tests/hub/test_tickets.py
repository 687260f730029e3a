import base64
import hashlib
import hmac
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketscope.hub import Hub, Tickets
from socketscope.hub.access import Identity

pytestmark = pytest.mark.anyio
SECRET = "sixteen bytes, or more"


@pytest.fixture
async def broker(make_broker):
    broker = make_broker()
    async with Hub(broker):
        yield broker


async def test_a_ticket_is_taken_once(broker):
    tickets = Tickets(broker, SECRET)
    expires = time.time() + 3600
    ticket = tickets.issue("größe", expires=expires)
    assert await tickets.redeem(ticket) == Identity("größe", expires)
    assert await Tickets(broker, SECRET.encode()).redeem(ticket) is None


async def test_a_ticket_is_soon_worth_nothing(broker, monkeypatch):
    tickets = Tickets(broker, SECRET, seconds=30)
    ticket = tickets.issue("ann")
    later = time.time() + 30
    monkeypatch.setattr("time.time", lambda: later)
    assert await tickets.redeem(ticket) is None


async def test_a_ticket_of_another_secret_is_none(broker):
    assert await Tickets(broker, SECRET).redeem(Tickets(broker, SECRET + "!").issue("ann")) is None


async def test_what_is_signed_and_no_ticket_is_none(broker):
    body = base64.urlsafe_b64encode(b"{}").decode().rstrip("=")
    signature = hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()
    assert await Tickets(broker, SECRET).redeem(f"{body}.{signature}") is None


@given(st.text())
async def test_no_text_breaks_it(text):
    assert await Tickets(object(), SECRET).redeem(text) is None
    assert await Tickets(object(), SECRET).in_message(b"") is None

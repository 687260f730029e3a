"""What every notifier that asks over HTTP does, whatever its receiver does."""

import asyncio
import contextlib
import json

import pytest

from doubles.http_double import Reply
from doubles.receiver_double import CUT, GARBAGE, HANG
from notify.conftest import notification, resolved
from notify.notifiers import CASES
from socketscope.demo.stack.options import HOST, free_port
from socketscope.notify.base import Receipt

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("case", CASES, ids=[case.kind for case in CASES]),
]

TELLS_STATUS = {"slack", "sms", "pagerduty", "webhook", "alertmanager"}
"""Apprise tells no more than yes or no."""


async def test_every_status_and_severity_is_delivered(case):
    with case.double() as double:
        notifier = case.make(double.url)
        for severity in ("critical", "warning", "info"):
            for make in (notification, resolved):
                receipt = await notifier.send(make(severity=severity))
                assert receipt.delivered, receipt
        assert (await notifier.send(notification(status="test"))).delivered


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
async def test_what_may_pass_is_worth_another_attempt(case, status):
    with case.double(Reply("not now", status, {"Retry-After": "12"})) as double:
        receipt = await case.make(double.url).send(notification())
    assert (receipt.delivered, receipt.again) == (False, True)
    if case.kind in TELLS_STATUS:
        assert receipt.retry_after == 12.0
        assert str(status) in receipt.detail


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413])
async def test_what_was_refused_for_good_is_not(case, status):
    with case.double(Reply("never", status, {"Retry-After": "12", "Location": "http://elsewhere.example/"})) as double:
        receipt = await case.make(double.url).send(notification())
    assert not receipt.delivered
    if case.kind in TELLS_STATUS:
        assert (receipt.again, receipt.retry_after) == (False, None)


async def test_one_attempt_is_one_request(case):
    with case.double(Reply("not now", 500)) as double:
        assert not (await case.make(double.url).send(notification())).delivered
        assert len(double.asked) == 1


async def test_a_receiver_that_hangs_is_given_up(case):
    with case.double(HANG) as double:
        receipt = await case.make(double.url, timeout=0.3).send(notification())
        assert double.hanging.is_set()
    assert (receipt.delivered, receipt.again) == (False, True)


async def test_a_receiver_that_hangs_delays_no_other(case):
    with case.double(HANG) as stuck, case.double() as well:
        waiting = asyncio.create_task(case.make(stuck.url, timeout=60).send(notification()))
        await asyncio.to_thread(stuck.hanging.wait)
        assert (await case.make(well.url).send(notification())).delivered
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_an_answer_that_breaks_off_is_no_delivery(case):
    with case.double(CUT) as double:
        receipt = await case.make(double.url).send(notification())
    if case.kind != "apprise":  # which takes the status for the answer
        assert (receipt.delivered, receipt.again) == (False, True)


async def test_garbage_is_no_delivery_where_an_answer_has_a_shape(case):
    with case.double(GARBAGE) as double:
        receipt = await case.make(double.url).send(notification())
    if case.kind in {"slack", "sms", "pagerduty"}:
        assert (receipt.delivered, receipt.again) == (False, True)
    assert "\x00" not in receipt.detail


@pytest.mark.parametrize("content", [b"[]", b"null", b'"ok"', b'{"ok": 1}', b'{"error": {}, "errors": 3, "code": "x"}'])
@pytest.mark.parametrize("status", [200, 400])
async def test_json_of_another_shape_does_no_harm(case, content, status):
    with case.double(Reply(content, status)) as double:
        receipt = await case.make(double.url).send(notification())
    assert isinstance(receipt, Receipt)
    if status == 400:
        assert not receipt.delivered


async def test_an_endless_answer_is_not_read_to_its_end(case):
    with case.double(Reply(b"x" * (64 << 20), 500)) as double:
        receipt = await case.make(double.url).send(notification())
    assert not receipt.delivered
    assert len(receipt.detail) <= 500


async def test_where_nobody_listens_it_is_worth_another_attempt(case):
    receipt = await case.make(f"http://{HOST}:{free_port()}").send(notification())
    assert (receipt.delivered, receipt.again) == (False, True)


async def test_what_is_no_http_is_no_delivery(case):
    async def talk(_, writer):
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, HOST, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        receipt = await case.make(f"http://{HOST}:{port}").send(notification())
    assert (receipt.delivered, receipt.again) == (False, True)


async def test_a_receiver_that_answers_letter_by_letter_is_given_up(case):
    if case.kind == "apprise":
        pytest.skip("apprise takes the status for the answer")

    async def drip(reader, writer):
        await reader.read(10)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)

    server = await asyncio.start_server(drip, HOST, 0)
    try:
        port = server.sockets[0].getsockname()[1]
        sending = case.make(f"http://{HOST}:{port}", timeout=0.4).send(notification())
        receipt = await asyncio.wait_for(sending, 20)
    finally:
        server.close()
    assert (receipt.delivered, receipt.again) == (False, True)


async def test_hostile_and_empty_values_are_delivered_or_refused_but_never_raise(case):
    hostile = "\x00\ud800<!channel>\r\nX: y\u202e" + "z" * 5000
    values = dict.fromkeys(("rule", "summary", "runbook", "link", "fingerprint", "key"), hostile)
    with case.double() as double:
        notifier = case.make(double.url)
        for told in (
            notification(**values, labels={hostile: hostile}, metrics={hostile: float("nan")}, value=float("inf")),
            notification(**dict.fromkeys(values, ""), labels={}, metrics={}, value=None, threshold=None),
        ):
            receipt = await notifier.send(told)
            assert isinstance(receipt, Receipt)
            if told.rule:
                assert receipt.delivered, receipt
        json.dumps(receipt.detail).encode("ascii")

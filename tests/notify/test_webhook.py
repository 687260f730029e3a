import base64
import hashlib
import hmac
import json
import math
import ssl
import time

import pytest
from pydantic import ValidationError

from doubles.receiver_double import ReceiverDouble
from notify.conftest import notification, resolved
from socketscope.notify.webhook import SCHEMA, Webhook, WebhookOptions

pytestmark = pytest.mark.anyio

KEY = b"0123456789abcdef01234567"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@pytest.fixture
def receiver():
    with ReceiverDouble() as double:
        yield double


def sender(double, *, path="/hook", **options):
    return Webhook("hook", WebhookOptions(url=double.url + path, timeout=5, **options))


def is_signed(asked, key, *, now=None):
    """Check a signature as standardwebhooks.com describes it, written from there and not from ours."""
    identity, timestamp = asked.headers["webhook-id"], asked.headers["webhook-timestamp"]
    if abs((now or time.time()) - int(timestamp)) > 300:
        return False
    expected = hmac.digest(key, b".".join([identity.encode(), timestamp.encode(), asked.body]), hashlib.sha256)
    version, _, given = asked.headers["webhook-signature"].partition(",")
    return version == "v1" and hmac.compare_digest(base64.b64decode(given), expected)


@pytest.mark.parametrize(("secret", "key"), [(SECRET, KEY), ("any text", b"any text")])
async def test_what_is_sent_is_signed_with_its_time(receiver, secret, key):
    assert (await sender(receiver, secret=secret).send(notification())).delivered
    [asked] = receiver.asked
    assert is_signed(asked, key)
    assert not is_signed(asked, key[:-1])
    assert not is_signed(asked, key, now=time.time() + 3600)


async def test_the_body_has_everything_that_is_known_under_the_version_of_its_shape(receiver):
    for told in (notification(), resolved()):
        assert (await sender(receiver).send(told)).delivered
    first, end = (json.loads(asked.body) for asked in receiver.asked)
    assert first["schema"] == end["schema"] == SCHEMA
    assert first["metrics"] == notification().metrics
    assert first["labels"] == notification().labels
    assert (first["status"], end["status"]) == ("firing", "resolved")
    assert first["fingerprint"] == end["fingerprint"]
    assert end["resolved_at"] == resolved().resolved_at
    assert "webhook-signature" not in receiver.asked[0].headers


async def test_the_key_lets_a_receiver_drop_what_comes_twice(receiver):
    for _ in range(2):
        assert (await sender(receiver).send(notification())).delivered
    assert {asked.headers["idempotency-key"] for asked in receiver.asked} == {notification().key}


async def test_path_and_query_arrive_as_they_were_given(receiver):
    assert (await sender(receiver, path="/bot123:abc/send?a=1&b=%2F").send(notification())).delivered
    [asked] = receiver.asked
    assert (asked.path, asked.query) == ("/bot123:abc/send", {"a": ["1"], "b": ["/"]})


async def test_a_bearer_token_is_shown(receiver):
    assert (await sender(receiver, bearer="token-of-the-hook").send(notification())).delivered
    assert receiver.asked[0].headers["authorization"] == "Bearer token-of-the-hook"


async def test_numbers_that_are_none_and_odd_keys_are_sent_as_what_they_can_be(receiver):
    told = notification(value=math.nan, metrics={"x": math.inf}, key="schlüssel\n1", summary="\ud800")
    assert (await sender(receiver).send(told)).delivered
    [asked] = receiver.asked
    assert json.loads(asked.body)["value"] is None
    assert asked.headers["webhook-id"] == "schl%C3%BCssel%0A1"


async def test_an_authority_of_ones_own_is_trusted_where_its_file_is_given_and_nowhere_else(authority, ca_file):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with ReceiverDouble(tls=tls) as double:
        assert (await sender(double, ca_file=ca_file).send(notification())).delivered
        receipt = await sender(double).send(notification())
    assert (receipt.delivered, receipt.again) == (False, True)
    assert "certificate" in receipt.detail


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "url_env"),
        ({"url": "hooks.example/x"}, "http:// or https://"),
        ({"url": "https://hooks.example", "secret": "whsec_?"}, "base64"),
    ],
)
def test_options_that_can_not_work_are_refused_and_not_shown(options, expected):
    with pytest.raises(ValidationError, match=expected) as error:
        WebhookOptions(**options)
    assert "hooks.example" not in str(error.value)

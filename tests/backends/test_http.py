import asyncio

import httpx2
import pytest

from socketscope.backends.http import Access, JsonClient
from socketscope.errors import BackendError, BackendStatusError, ConfigurationError

pytestmark = pytest.mark.anyio


def client(answer, url="http://127.0.0.1:1/base/", access=None):
    """A client whose requests `answer` answers; they are kept in `.requests`."""
    requests = []

    def handle(request):
        requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    made = JsonClient(url, name="Thing", access=access, transport=httpx2.MockTransport(handle))
    made.requests = requests
    return made


async def test_a_path_is_below_the_url_and_parameters_are_escaped():
    asked = client(httpx2.Response(200, json={"a": 1}))
    assert await asked.get("api/x", {"q": '{ "a" }', "n": 3}) == {"a": 1}
    assert str(asked.requests[0].url) == "http://127.0.0.1:1/base/api/x?q=%7B+%22a%22+%7D&n=3"


@pytest.mark.parametrize(
    ("access", "headers"),
    [
        (Access(bearer="s3cret"), {"authorization": "Bearer s3cret"}),
        (Access(basic=("u", "s3cret")), {"authorization": "Basic dTpzM2NyZXQ="}),
        (Access(tenant="a", tenant_header="X-Tenant"), {"x-tenant": "a"}),
        (Access(tenant="a", headers={"X-More": "s3cret"}), {"x-scope-orgid": "a", "x-more": "s3cret"}),
    ],
)
async def test_who_asks_is_in_the_headers_and_no_secret_in_the_repr(access, headers):
    asked = client(httpx2.Response(200, json={}), access=access)
    await asked.get("x")
    sent = asked.requests[0].headers
    assert headers.items() <= dict(sent).items()
    assert "s3cret" not in repr(access)


def test_two_ways_of_access_are_one_too_many():
    with pytest.raises(ConfigurationError):
        Access(bearer="a", basic=("b", "c"))


@pytest.mark.parametrize("access", [{"bearer": "s3cret\n"}, {"bearer": "s3crèt"}, {"tenant": "a\r\nX-More: b"}])
def test_what_no_header_can_carry_is_refused_without_telling_it(access):
    with pytest.raises(ConfigurationError, match="header") as refused:
        Access(**access)
    assert "s3cr" not in str(refused.value)


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (httpx2.Response(503, json={"detail": "not now"}), "not now"),
        (httpx2.Response(400, json={"status": "error", "error": "parse error"}), "parse error"),
        (httpx2.Response(404, json={"error": {"httpCode": 404, "message": "trace not found"}}), "trace not found"),
        (httpx2.Response(403, json={"errors": ["Forbidden", {"code": 1, "msg": "tags"}]}), "Forbidden; tags"),
        (httpx2.Response(500, text="<b>" + "long " * 200), None),
        (
            httpx2.Response(301, headers={"location": "http://elsewhere.example/?state=s3cret"}),
            "it redirects to http://elsewhere.example/, which is not followed; give its address",
        ),
    ],
)
async def test_an_error_says_who_where_and_why(answer, detail):
    with pytest.raises(BackendStatusError) as error:
        await client(answer).get("x")
    assert error.value.status == answer.status_code
    assert len(error.value.detail) <= 300
    if detail is not None:
        assert error.value.detail == detail
    assert str(error.value).startswith(f"Thing answered http://127.0.0.1:1/base/x with {answer.status_code}")


@pytest.mark.parametrize("failure", [httpx2.ConnectError("refused"), httpx2.ReadTimeout("")])
async def test_no_answer_is_an_error_that_shows_no_password(failure):
    with pytest.raises(BackendError, match=r"Thing .* http://127.0.0.1:1/x") as error:
        await client(failure, url="http://me:s3cret@127.0.0.1:1").get("x")
    assert "s3cret" not in str(error.value)


async def test_an_answer_that_does_not_end_in_time_is_an_error():
    async def pieces():
        while True:
            await asyncio.sleep(0)
            yield b" "

    asked = JsonClient(
        "http://127.0.0.1:1",
        name="Thing",
        timeout=0.05,
        transport=httpx2.MockTransport(lambda _: httpx2.Response(200, content=pieces())),
    )
    with pytest.raises(BackendError, match=r"Thing did not answer http://127\.0\.0\.1:1/x in time"):
        await asked.get("x")


async def test_an_answer_that_is_too_large_is_an_error(monkeypatch):
    monkeypatch.setattr("socketscope.backends.http.MOST_BYTES", 1 << 20)
    with pytest.raises(BackendError, match="more than 1 MiB"):
        await client(httpx2.Response(200, content=b'"' + b"x" * (1 << 20) + b'"')).get("x")


async def test_what_is_no_json_is_an_error():
    with pytest.raises(BackendError, match="text/html"):
        await client(httpx2.Response(200, html="<html>")).get("x")


@pytest.mark.parametrize("url", ["", "host:9090", "ftp://host", "http://", "http://[::1"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ConfigurationError, match="http:// or https://"):
        JsonClient(url, name="Thing")

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from socketscope.access import Token, bearer
from socketscope.console.attempts import MOST, MOST_ADDRESSES, WINDOW, Attempts
from socketscope.console.gate import COOKIE, LIFE, is_open
from socketscope.console.options import ConsoleOptions
from socketscope.console.static import PAGE

RIGHT = "right-" * 4
WRONG = "wrong-" * 4
METRICS = "/monitoring/websocket/metrics"
LIVE = "ws://127.0.0.1:8300/monitoring/websocket/live"
HERE = {"origin": "http://127.0.0.1:8300"}


def with_token(shown=RIGHT):
    return {"authorization": f"Bearer {shown}"}


@pytest.fixture
def guarded(connect, backend):
    return connect(backend, options=ConsoleOptions(host="0.0.0.0", token=RIGHT, allowed_hosts="console.example"))


def sign_in(client, token=RIGHT):
    return client.post("/session", json={"token": token})


def refused(client, **arguments):
    """Try to open the live socket; the status of the answer to its handshake."""
    with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect(LIVE, **arguments):
        pass
    return denied.value.status_code


def test_whoever_shows_the_token_is_answered(guarded):
    assert guarded.get(METRICS, headers=with_token()).json()["current_connections"] == 7


@pytest.mark.parametrize(
    "authorization", [None, "", RIGHT, "Bearer", "Bearer ", f"Basic {RIGHT}", f"Bearer {WRONG}", f"Bearer {RIGHT} x"]
)
def test_nobody_else_is_and_the_answer_says_what_is_needed(guarded, authorization):
    answer = guarded.get(METRICS, headers={} if authorization is None else {"authorization": authorization})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "oken" in answer.json()["detail"]
    assert RIGHT not in answer.text


def test_every_route_is_closed_but_health_signing_in_and_the_page(guarded):
    described = guarded.get("/openapi.json", headers=with_token()).json()["paths"]
    assert METRICS in described
    asked = {
        path: guarded.get(re.sub(r"\{.*?\}", "1", path)).status_code for path in [*described, "/openapi.json", "/x"]
    }
    assert {path for path, status in asked.items() if status != 401} == {"/healthz", "/readyz", "/session"}


@pytest.mark.parametrize("path", ["/assets", "/assetsx/a", "/healthz/", "/session/", "/sessions", "/index.html"])
def test_a_path_that_only_looks_like_an_open_one_is_closed(guarded, path):
    assert guarded.get(path).status_code == 401


def test_all_files_of_the_built_page_are_open():
    if not PAGE.is_dir():
        pytest.skip("the page is not built: run `make page`")
    files = {f"/{path.relative_to(PAGE)}" for path in PAGE.rglob("*") if path.is_file()} - {"/index.html"}
    assert files
    assert [path for path in files if not is_open(path)] == []


def test_the_page_and_the_process_answer_without_a_token(guarded, tmp_path):
    (tmp_path / "index.html").write_text("<!doctype html>the page")
    assert guarded.get("/").text == "<!doctype html>the page"
    assert guarded.get("/healthz").status_code == 200
    assert guarded.get("/readyz").status_code == 200
    assert guarded.get("/session").json() == {"token_needed": True}


def test_signing_in_gives_a_cookie_that_scripts_and_other_sites_cannot_use(guarded):
    answer = sign_in(guarded)
    assert answer.status_code == 204
    assert RIGHT not in answer.headers["set-cookie"]
    attributes = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert attributes == {"httponly", "samesite=strict", "path=/", f"max-age={LIFE}"}
    assert guarded.get(METRICS).status_code == 200


def test_over_https_the_cookie_travels_over_https_alone(guarded):
    with TestClient(guarded.app, base_url="https://console.example") as client:
        assert "secure" in sign_in(client).headers["set-cookie"].lower()


def test_signing_in_with_a_wrong_token_says_so(guarded):
    answer = sign_in(guarded, WRONG)
    assert (answer.status_code, COOKIE in guarded.cookies) == (401, False)
    assert "SOCKETSCOPE_CONSOLE_TOKEN" in answer.json()["detail"]
    assert WRONG not in answer.text


@pytest.mark.parametrize("body", [b"", b"{}", b"not json", b'{"token": 1}', b'{"token": "%s"}' % (b"x" * 1025)])
def test_a_sign_in_that_cannot_be_read_is_a_mistake_of_the_request_and_is_not_repeated(guarded, body):
    answer = guarded.post("/session", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert "xxxx" not in answer.text
    assert "token" in answer.text or "JSON" in answer.text or "body" in answer.text


def test_a_forged_or_spoilt_cookie_is_worth_nothing(guarded):
    sign_in(guarded)
    expires, _, signature = guarded.cookies[COOKIE].partition(".")
    other = Token(ConsoleOptions(token=WRONG).token).sign(f"socketscope console session until {expires}")
    for value in (f"{int(expires) + 1}.{signature}", f"{expires}.", expires, "", ".", f"{expires}.{other}", "9" * 5000):
        guarded.cookies.clear()
        guarded.cookies[COOKIE] = value
        assert guarded.get(METRICS).status_code == 401


def test_a_session_ends(guarded, clock):
    sign_in(guarded)
    guarded.cookies[COOKIE] = guarded.cookies[COOKIE]  # the client's own clock would drop it
    clock.now += LIFE - 2
    assert guarded.get(METRICS).status_code == 200
    clock.now += 2
    assert guarded.get(METRICS).status_code == 401


def test_signing_out_takes_the_cookie_back(guarded):
    sign_in(guarded)
    assert guarded.delete("/session").status_code == 204
    assert COOKIE not in guarded.cookies
    assert guarded.get(METRICS).status_code == 401


def test_the_live_socket_needs_the_token_or_the_cookie(guarded):
    assert refused(guarded) == 401
    assert refused(guarded, headers=with_token(WRONG)) == 401
    with guarded.websocket_connect(LIVE, headers=with_token()) as socket:
        assert socket.receive_json()["data"]["current_connections"] == 7
    sign_in(guarded)
    with guarded.websocket_connect(LIVE, headers=HERE) as socket:
        assert socket.receive_json()["data"]["current_connections"] == 7


def test_a_cookie_does_not_let_pages_of_others_listen(guarded):
    sign_in(guarded)
    with (
        pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
        guarded.websocket_connect(LIVE, headers={"origin": "http://evil.example"}),
    ):
        pass


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("console.example", 200),
        ("CONSOLE.example:80", 200),
        ("192.0.2.7:8300", 200),
        ("[2001:db8::1]:8300", 200),
        ("127.0.0.1:8300", 200),
        ("evil.example", 400),
        ("console.example.evil.example", 400),
        ("console.example@evil.example", 400),
        ("192.0.2.7.evil.example", 400),
        ("", 400),
    ],
)
def test_it_answers_to_its_own_names_and_to_no_other(guarded, host, status):
    answer = guarded.get(METRICS, headers=with_token() | {"host": host})
    assert answer.status_code == status
    assert status == 200 or "console.allowed_hosts" in answer.json()["detail"]


def test_on_one_address_no_other_is_a_name_of_it(connect, backend):
    client = connect(backend, options=ConsoleOptions(host="192.0.2.7", token=RIGHT))
    assert client.get(METRICS, headers=with_token() | {"host": "192.0.2.7:8300"}).status_code == 200
    assert client.get(METRICS, headers=with_token() | {"host": "192.0.2.8:8300"}).status_code == 400


def test_without_a_token_nobody_has_to_sign_in(client):
    assert client.get("/session").json() == {"token_needed": False}
    answer = sign_in(client)
    assert (answer.status_code, "no token" in answer.json()["detail"]) == (404, True)


def test_who_guesses_has_to_wait_even_with_the_right_token(guarded):
    for guess in range(MOST):
        assert guarded.get(METRICS, headers=with_token(f"guess-{guess}")).status_code == 401
    for answer in (sign_in(guarded), guarded.get(METRICS, headers=with_token())):
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= WINDOW


def test_a_program_with_an_old_token_locks_nobody_out(guarded):
    for _ in range(3 * MOST):
        assert guarded.get(METRICS, headers=with_token(WRONG)).status_code == 401
    assert sign_in(guarded).status_code == 204


def test_who_has_signed_in_is_not_disturbed_by_guesses(guarded):
    sign_in(guarded)
    cookie = {"cookie": f"{COOKIE}={guarded.cookies[COOKIE]}"}
    guarded.cookies.clear()
    for guess in range(2 * MOST):
        guarded.get(METRICS, headers=with_token(f"guess-{guess}"))
    assert guarded.get(METRICS, headers=cookie).status_code == 200


def test_wrong_tokens_are_forgotten_in_time_and_by_address():
    now = [1000.0]
    attempts = Attempts(clock=lambda: now[0])
    for guess in range(MOST):
        attempts.add("a", str(guess))
        now[0] += 1
    assert attempts.wait("a") == WINDOW - MOST
    assert attempts.wait("b") == 0
    now[0] += WINDOW - MOST
    assert attempts.wait("a") == 0


def test_wrong_tokens_of_ever_new_addresses_take_no_more_memory():
    attempts = Attempts()
    for address in range(2 * MOST_ADDRESSES):
        attempts.add(str(address), WRONG)
    assert len(attempts._wrong) == MOST_ADDRESSES
    assert str(2 * MOST_ADDRESSES - 1) in attempts._wrong


@pytest.mark.parametrize(
    ("header", "shown"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", None), ("Bearer", None), ("", None), (None, None)],
)
def test_the_scheme_is_read_whatever_its_case(header, shown):
    assert bearer(header) == shown


def test_the_page_is_built_from_files_that_the_repository_names():
    # `is_open` names two of them: should the page get another one beside its assets, it has to be named there.
    public = {f"/{path.name}" for path in (Path(__file__).parents[2] / "ui" / "public").iterdir()}
    assert [path for path in public if not is_open(path)] == []

"""The users against the bare chat, beside an account that the server's own ASGI messages give."""

import asyncio
import json
import os
import runpy
import signal
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from socketscope.demo import chat, users
from socketscope.demo.plan import make_plan

USERS = Path(users.__file__)


class Account:
    """Counts at the ASGI boundary of the server what the ledger says of it."""

    def __init__(self, app):
        self.app = app
        self.counts = Counter()
        self.users, self.rooms = set(), set()
        self.open = self.peak = 0
        self.closed_without = Counter()

    async def __call__(self, scope, receive, send):
        if scope["type"] != "websocket":
            return await self.app(scope, receive, send)
        accepted = False

        async def counting_receive():
            message = await receive()
            if message["type"] == "websocket.receive":
                self.counted("received", message)
            elif message["type"] == "websocket.disconnect" and "reason" not in message:
                self.counts["connections_lost"] += 1
            return message

        async def counting_send(message):
            nonlocal accepted
            await send(message)
            if message["type"] == "websocket.send":
                self.counted("sent", message)
            elif message["type"] == "websocket.accept":
                accepted = True
                self.counts["connections_accepted"] += 1
                self.users.update(parse_qs(scope["query_string"].decode())["user"])
                self.rooms.add(scope["path"])
                self.open += 1
                self.peak = max(self.peak, self.open)
            elif message["type"] == "websocket.close" and not accepted:
                self.counts["connections_denied"] += 1

        try:
            await self.app(scope, counting_receive, counting_send)
        except Exception:
            self.counts["connections_failed"] += 1
            self.counts["errors"] += 1
            raise
        finally:
            self.open -= accepted

    def counted(self, direction, message):
        payload = message.get("bytes")
        payload = message["text"].encode() if payload is None else payload
        self.counts[f"messages_{direction}"] += 1
        self.counts[f"bytes_{direction}"] += len(payload)

    def as_dict(self):
        return dict(self.counts) | {
            "unique_users": len(self.users),
            "channels": len(self.rooms),
            "peak_connections": self.peak,
        }


@contextmanager
def program(*arguments):
    process = subprocess.Popen([sys.executable, USERS, *arguments])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def served(serve):
    account = Account(chat.app)
    with serve(account) as url:
        yield account, url


def test_the_ledger_is_what_the_server_saw(served):
    account, url = served
    plan = make_plan(seed=11, users=25, messages=400)
    ledger = asyncio.run(users.simulate(url, plan=plan, duration=2, hold=0.2)).as_dict()
    assert ledger == account.as_dict()
    assert ledger["peak_connections"] == 25
    assert min(ledger.values()) > 0, "every kind of thing has happened"


def test_the_ledger_of_a_seed_is_the_same_whatever_the_pace(served):
    _, url = served
    plan = make_plan(seed=3, users=12, messages=150)
    fast = asyncio.run(users.simulate(url, plan=plan, duration=0.2, hold=0.1))
    slow = asyncio.run(users.simulate(url, plan=plan, duration=1.5, hold=0.1))
    assert fast.as_dict() == slow.as_dict()


def test_without_a_duration_they_go_on_until_a_signal_then_leave_in_good_order(serve, tmp_path, eventually):
    with ExitStack() as running:
        runs = []
        for number in (signal.SIGINT, signal.SIGTERM):
            account = Account(runpy.run_path(chat.__file__)["app"])  # each a chat of its own: rooms are the module's
            path = tmp_path / number.name
            arguments = ("--url", running.enter_context(serve(account)), "--users", "12", "--hold", "0.1")
            process = running.enter_context(program(*arguments, "--ledger", path))
            runs.append((account, path, process, number))
        for account, _, process, number in runs:
            eventually(lambda account=account: account.counts["connections_accepted"] > 12)  # the hold is over
            assert process.poll() is None
            process.send_signal(number)
        for account, path, process, _ in runs:
            assert process.wait(30) == 0
            ledger = json.loads(path.read_text(encoding="utf-8"))
            left_out = ("connections_lost", "connections_failed", "errors", "connections_denied")
            assert ledger == account.as_dict() | {key: account.counts[key] for key in left_out}
            assert account.open == 0


def test_stopped_before_the_hold_they_leave_and_claim_no_peak(served, tmp_path, eventually):
    account, url = served
    path = tmp_path / "ledger.json"
    with program("--url", url, "--users", "12", "--ledger", path) as process:
        eventually(lambda: account.counts["messages_received"])
        process.terminate()
        assert process.wait(30) == 0
    ledger = json.loads(path.read_text(encoding="utf-8"))
    assert ledger["peak_connections"] is None
    assert ledger["messages_sent"] == account.counts["messages_sent"]


def test_their_program_loads_nothing_of_socketscope():
    code = (
        "import runpy, sys\n"
        f"sys.path.insert(0, {str(USERS.parent)!r})\n"
        f"runpy.run_path({str(USERS)!r}, run_name='users')\n"
        "print([name for name in sys.modules if name.startswith(('socketscope', 'opentelemetry'))])\n"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_a_server_that_keeps_a_message_to_itself_makes_the_run_fail(serve, tmp_path, monkeypatch):
    monkeypatch.setattr("socketscope.demo.room.PATIENCE", 0.5)

    async def forgetful(scope, receive, send):
        seen = 0

        async def forgetting(message):
            nonlocal seen
            seen += message["type"] == "websocket.send"
            if seen != 20:
                await send(message)

        await chat.app(scope, receive, forgetting if scope["type"] == "websocket" else send)

    with (
        serve(forgetful) as url,
        pytest.raises(ExceptionGroup) as caught,
    ):
        asyncio.run(users.simulate(url, plan=make_plan(seed=1, users=5, messages=50), duration=1, hold=0.1))
    assert "of" in str(caught.value.exceptions[0])


def test_a_chat_that_is_not_there_is_said_and_no_ledger_written(tmp_path, capfd):
    path = tmp_path / "ledger.json"
    code = users.main(["--url", "ws://127.0.0.1:1", "--ledger", str(path), "--duration", "1"])
    assert code == 1
    assert "ConnectionRefusedError" in capfd.readouterr().err
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["--users", "2"], "users=2"), (["--duration", "0"], "--duration 0"), (["--messages", "0"], "messages=0")],
)
def test_a_wrong_option_is_named(arguments, named, capfd, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        users.main(["--url", "ws://127.0.0.1:1", "--ledger", os.fspath(tmp_path / "l"), *arguments])
    assert stopped.value.code == 2
    assert named in capfd.readouterr().err

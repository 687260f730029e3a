import io
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rich.console import Console as Terminal
from stand_ins import COUNTS, DEAF, SERVER, STATS, StandIns

from redis_process import required_redis
from socketscope.demo.stack.display import Display
from socketscope.demo.stack.options import Options, free_port
from socketscope.demo.stack.process import Process, Program, ProgramError
from socketscope.demo.stack.run import Demo, StoppedEarlyError
from socketscope.errors import PortInUseError

PORTS = ("port", "otlp_grpc_port", "otlp_http_port", "store_grpc_port", "store_http_port", "chat_port")


def options(**changes):
    return Options(**{name: free_port() for name in PORTS} | changes)


@pytest.fixture
def started(monkeypatch):
    """Every process that the demo starts."""
    processes = []
    original = Process.__init__

    def remember(self, *args, **kwargs):
        original(self, *args, **kwargs)
        processes.append(self)

    monkeypatch.setattr(Process, "__init__", remember)
    yield processes
    for process in processes:
        process.kill()


@pytest.fixture
def demo(tmp_path, started):
    def make(commands, *, chosen=None, stop=None, on_ready=lambda _: None):
        display = Display(Terminal(file=io.StringIO(), width=200))
        return Demo(
            chosen or options(),
            directory=tmp_path,
            environment=os.environ,
            display=display,
            stop=stop or threading.Event(),
            on_ready=on_ready,
            commands=commands,
        )

    return make


def test_a_run_whose_numbers_agree_is_equal_and_leaves_nothing_running(demo, started):
    found = demo(StandIns()).run()
    assert found.equal
    assert found.collector is None
    assert found.collector_accepted is None
    assert [process.name for process in started] == ["console", "mail", "chat", "users", "report"]
    assert all(process.code is not None for process in started)


def test_all_replicas_are_started_and_the_console_is_to_see_them(demo, started):
    chosen = options(hub=True, replicas=2, redis=Path(required_redis()))
    found = demo(StandIns(measured={**STATS, "instances": 1}), chosen=chosen).run()
    assert [process.name for process in started] == ["console", "mail", "redis", "chat", "chat-2", "users", "report"]
    assert found.differences() == ("replicas",)
    assert found.as_dict()["broker"] == "redis"
    assert (found.as_dict()["replicas"], found.as_dict()["instances"]) == (2, 1)


@pytest.mark.parametrize("key", COUNTS)
def test_one_number_that_differs_is_found(demo, key):
    assert demo(StandIns(ledger=COUNTS | {key: 4})).run().differences() == (key,)


def test_a_number_that_only_the_events_tell_otherwise_is_found(demo):
    assert demo(StandIns(measured=STATS | {"total_connections": 2})).run().differences() == ("connections_accepted",)


def test_a_number_that_the_console_does_not_know_is_a_difference(demo):
    found = demo(StandIns(measured=STATS | {"unique_users": None})).run()
    assert found.differences() == ("unique_users",)


@pytest.mark.parametrize("key", COUNTS)
@pytest.mark.parametrize("value", [4, None])
def test_a_number_that_only_the_report_tells_otherwise_is_found(demo, key, value):
    assert demo(StandIns(reported=COUNTS | {key: value})).run().differences() == (key,)


def test_the_report_is_written_and_mailed(demo, tmp_path):
    found = demo(StandIns()).run()
    assert found.report.files.html == tmp_path / "run.report.html"
    assert found.missing == ()
    written = found.as_dict()["report"]
    assert written["figures"] == COUNTS
    assert written["mail"] == {"to": ["a@b.c"], "subject": "WebSockets: 3 connections", "images": 2}


def test_a_report_whose_mail_does_not_arrive_is_told(demo):
    found = demo(StandIns(mailed=False)).run()
    assert found.missing == ("No mail with the report has arrived.",)
    assert found.as_dict()["report"]["mail"] is None


def test_a_peak_that_was_not_held_can_not_differ(demo):
    assert demo(StandIns(ledger=COUNTS | {"peak_connections": None})).run().equal


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("port", "--port"),
        ("store_grpc_port", "--store-grpc-port"),
        ("store_http_port", "--store-http-port"),
        ("chat_port", "--chat-port"),
    ],
)
def test_a_port_in_use_is_named_with_its_option_and_nothing_is_started(demo, started, name, option):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"{port} is in use .* {option}") as caught:
            demo(StandIns(), chosen=options(**{name: port})).run()
    assert caught.value.option == option
    assert not started


@pytest.mark.parametrize("name", ["console", "mail", "chat", "users", "report"])
def test_a_program_that_dies_is_named_with_the_end_of_its_output_and_nothing_is_left_running(demo, started, name):
    with pytest.raises(ProgramError, match=rf"(?s){name} ended .*exit code 7.*the disk is on fire"):
        demo(StandIns(dying=name)).run()
    assert all(process.code is not None for process in started)


def test_a_program_that_dies_while_the_users_talk_ends_the_demo(demo, started, eventually, tmp_path):
    def kill_the_chat():
        eventually((tmp_path / "users-run").exists)
        next(process for process in started if process.name == "chat").kill()

    killer = threading.Thread(target=kill_the_chat)
    killer.start()
    with pytest.raises(ProgramError, match=r"chat ended on its own with exit code -9"):
        demo(StandIns(endless=True)).run()
    killer.join()
    assert all(process.code is not None for process in started)


class WhoseUsersSeeTheChatDie(StandIns):
    """The users end, in error, because the chat has; both before the demo looks again."""

    def chat(self, options, replica):
        code = f"import os, pathlib\npathlib.Path('pid').write_text(str(os.getpid()))\n{SERVER}"
        return self.program(replica.name, code, replica.port, "{}")

    def users(self, options, replicas, ledger):
        code = "import os, pathlib, sys\nos.kill(int(pathlib.Path('pid').read_text()), 9)\nsys.exit(7)"
        return self.program("users", code)


def test_where_the_users_fail_since_another_program_died_that_one_is_named(demo, started):
    with pytest.raises(ProgramError, match=r"chat ended on its own with exit code -9"):
        demo(WhoseUsersSeeTheChatDie()).run()
    assert all(process.code is not None for process in started)


def test_a_stop_while_the_users_talk_ends_the_demo_with_its_comparison(demo, started, eventually, tmp_path):
    stop = threading.Event()

    def stop_later():
        eventually((tmp_path / "users-run").exists)
        stop.set()

    stopper = threading.Thread(target=stop_later)
    stopper.start()
    assert demo(StandIns(endless=True), stop=stop).run().equal
    stopper.join()
    assert all(process.code is not None for process in started)


def test_a_stop_before_the_users_have_begun_leaves_nothing_running(demo, started):
    stop = threading.Event()
    with pytest.raises(StoppedEarlyError):
        demo(StandIns(), stop=stop, on_ready=lambda _: stop.set()).run()
    assert [process.name for process in started] == ["console", "mail", "chat"]
    assert all(process.code is not None for process in started)


def test_a_program_that_does_not_heed_sigterm_is_killed_after_its_grace(tmp_path, eventually):
    process = Process(
        Program("deaf", [sys.executable, "-S", "-c", DEAF.replace("\nwhile", "; print('deaf', flush=True)\nwhile")]),
        directory=tmp_path,
        environment=os.environ,
    )
    eventually(process.log.read_bytes)
    process.stop(grace=0.1)
    assert process.killed
    assert process.code == -signal.SIGKILL


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ProgramError, match=r"ghost could not be started: .*no-such-program"):
        Process(Program("ghost", [str(tmp_path / "no-such-program")]), directory=tmp_path, environment={})


ORCHESTRATOR = """
import os, sys, threading, pathlib
sys.path.insert(0, sys.argv[1])
from rich.console import Console
from stand_ins import StandIns
from socketscope.demo.stack.display import Display
from socketscope.demo.stack.options import Options, free_port
from socketscope.demo.stack.process import Process
from socketscope.demo.stack.run import Demo

original = Process.__init__
def remember(self, *args, **kwargs):
    original(self, *args, **kwargs)
    print(self.pid, flush=True)
Process.__init__ = remember
ports = {name: free_port() for name in ("port", "store_grpc_port", "store_http_port", "chat_port")}
display = Display(Console(stderr=True))
directory = pathlib.Path(sys.argv[2])
Demo(Options(**ports), directory=directory, environment=os.environ, display=display, stop=threading.Event(),
     commands=StandIns(endless=True)).run()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent is gone")
def test_even_when_it_is_killed_itself_nothing_is_left_running(tmp_path, eventually):
    with subprocess.Popen(
        [sys.executable, "-c", ORCHESTRATOR, Path(__file__).parent, tmp_path], stdout=subprocess.PIPE, text=True
    ) as orchestrator:
        children = [int(orchestrator.stdout.readline()) for _ in range(4)]
        eventually((tmp_path / "users-run").exists)
        orchestrator.kill()
    eventually(lambda: not [pid for pid in children if running(pid)])


def running(pid):
    """Whether the process exists and is no zombie that waits for its new parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False

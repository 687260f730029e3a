"""One demo from the start of its first program to the comparison of its numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic, time
from typing import Any, Final, Protocol

from socketscope.demo.stack import destinations, programs
from socketscope.demo.stack.alerts import Mailbox, missing, read, write_configuration
from socketscope.demo.stack.collector import Collector, Counts, version
from socketscope.demo.stack.console import Console
from socketscope.demo.stack.display import Display
from socketscope.demo.stack.http import Unreachable, get
from socketscope.demo.stack.options import HOST, Options
from socketscope.demo.stack.process import Process, Program
from socketscope.demo.stack.replicas import Redis, Replica, make_replicas
from socketscope.demo.stack.report import Files, RunReport
from socketscope.demo.stack.report import read as read_report
from socketscope.demo.stack.summary import Summary
from socketscope.errors import SocketscopeError

READY: Final = 30.0
"""Seconds that a program may take until it answers."""
GRACE: Final = 20.0
"""Seconds that a program may take to stop before it is killed."""
DRAIN: Final = 15.0
"""Seconds that the Collector may take to pass on what it has."""
ALERT: Final = 20.0
"""Seconds after the users' end within which the alert that they raised is to be over and told."""
REPORT: Final = 60.0
"""Seconds that making and sending the report may take."""
POLL: Final = 0.1


class StoppedEarlyError(SocketscopeError):
    """The demo was stopped before its users had begun."""


class Programs(Protocol):
    """Where the command lines come from; tests give others."""

    def console(self, options: Options, directory: Path) -> Program:
        """Give the console with the embedded backend."""
        ...

    def mail(self, mailbox: Mailbox) -> Program:
        """Give the server that takes the mails about alerts."""
        ...

    def report(self, directory: Path, files: Files, *, since: float) -> Program:
        """Give what makes the report of the run, into `files`, and sends it by mail."""
        ...

    def chat(self, options: Options, replica: Replica) -> Program:
        """Give a process of the service that is watched."""
        ...

    def users(self, options: Options, replicas: Sequence[Replica], ledger: Path) -> Program:
        """Give those who talk to it, and write `ledger` when they are done."""
        ...


class Demo:
    """The console, the Collector with whatever else it sends to, the chat and its users.

    `directory` takes logs and data, `report` the report of the run. `stop` may be set at any time, from a signal
    handler: the users leave and the demo ends in order. `on_ready` is called with the console's URL as soon as it
    answers.
    """

    def __init__(
        self,
        options: Options,
        *,
        directory: Path,
        environment: Mapping[str, str],
        display: Display,
        stop: Event,
        report: Files | None = None,
        on_ready: Callable[[str], None] = lambda _: None,
        commands: Programs = programs,
    ) -> None:
        self._options = options
        self._directory = directory
        self._environment = programs.surroundings(environment)
        self._display = display
        self._stop = stop
        self._report = report or Files.beside(directory / "run")
        self._on_ready = on_ready
        self._commands = commands
        self._console = Console(f"http://{HOST}:{options.port}")
        self._destinations = destinations.chosen(options)
        self._collector = self._make_collector(options.collector) if options.collector else None
        self._mailbox = Mailbox(directory)
        self._redis = Redis(options.redis) if options.redis else None
        self._replicas = make_replicas(options, self._redis.url if self._redis else None)
        self._instances: int | None = None
        self._running: dict[str, Process] = {}
        self._notes: list[str] = []
        self._started = 0.0
        self._talking_since = 0.0
        self._startup: float | None = None

    def run(self) -> Summary:
        """Run to the end; leave no process behind, whatever happens.

        Raises `PortInUseError` before anything was started, `ProgramError` when a program fails, `Unreachable` when
        the console does not answer at the end, `StoppedEarlyError` when stopped before the users had begun.
        """
        self._options.require_free_ports()
        ledger = self._directory / "ledger.json"
        try:
            self._begin()
            self._talk(ledger)
            return self._end(ledger)
        finally:
            self._stop_all()

    def _begin(self) -> None:
        self._started = monotonic()
        write_configuration(self._directory, self._mailbox)
        # All at once, since the time until the first number is theirs together: who needs another tries again.
        console = self._start(self._commands.console(self._options, self._directory))
        mail = self._start(self._commands.mail(self._mailbox))
        others = [(self._start(other.program(self._directory)), other) for other in self._destinations]
        collector = self._start(self._collector.program(self._directory)) if self._collector else None
        redis = self._start(self._redis.program()) if self._redis else None
        chats = [(self._start(self._commands.chat(self._options, one)), one) for one in self._replicas]
        if not collector:
            self._display.say(
                "No Collector found (SOCKETSCOPE_OTELCOL, otelcol on the PATH, or one built by scripts/tools):"
                " the chat sends straight to the embedded backend."
            )
        for process, other in others:
            self._wait_ready(process, other.ready)
        if collector and self._collector:
            self._wait_ready(collector, self._collector.ready)
        self._wait_ready(console, self._console.ready)
        self._on_ready(self._console.url)
        if self._destinations or len(self._replicas) > 1:
            self._say_where()
        if redis and self._redis:
            self._wait_ready(redis, self._redis.ready)
        for chat, replica in chats:
            self._wait_ready(chat, partial(self._chat_answers, replica))
        self._wait_ready(mail, self._mailbox.ready)

    def _make_collector(self, program: Path) -> Collector:
        variables = {name: value for other in self._destinations for name, value in other.variables().items()}
        return Collector(program, self._options, [other.name for other in self._destinations], variables)

    def _say_where(self) -> None:
        for other in self._destinations:
            self._display.say(f"{other.name.capitalize()}: {other.url}")
        options = self._options
        self._display.say(f"Collector: OTLP on {HOST}:{options.otlp_grpc_port} (gRPC), {options.otlp_http_port} (HTTP)")
        self._display.say(f"Embedded backend: OTLP on {HOST}:{options.store_grpc_port}, {options.store_http_port}")
        if self._redis:
            self._display.say(f"Redis: {self._redis.url}")
        for replica in self._replicas:
            self._display.say(f"Chat: {replica.url}/ws/ROOM?user=NAME")

    def _talk(self, ledger: Path) -> None:
        self._talking_since = time()  # the store is there, and nobody has connected
        users = self._start(self._commands.users(self._options, self._replicas, ledger))
        told = False
        next_look = 0.0
        while users.code is None:
            self._check_others(users)
            if self._stop.is_set() and not told:
                told = True
                self._display.doing("stopping: the users take their leave")
                users.signal_to_stop()
                deadline = monotonic() + GRACE
            if told and monotonic() > deadline:
                self._check_others(users)
                raise users.failure(f"did not stop within {GRACE:.0f} s")
            if monotonic() >= next_look:
                self._look()
                next_look = monotonic() + (0.2 if self._startup is None else 1.0)
            if told:
                users.wait(POLL)
            else:
                self._stop.wait(POLL)
        if users.code or not ledger.is_file():
            self._check_others(users)  # theirs may be the reason
            raise users.failure(f"ended with exit code {users.code}")
        del self._running[users.name]

    def _look(self) -> None:
        try:
            counts = self._console.metrics()
        except Unreachable:
            return  # it is watched as a process; a slow answer is no failure
        if self._startup is None and counts.get("messages_received"):
            self._startup = monotonic() - self._started
        self._instances = max(self._instances or 0, counts.get("instances") or 0) or None
        self._display.progress(counts)

    def _await_alert(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Give what became of the alert that a bounded run raises, and what is missing of it."""
        alerts = read(self._console.alerts(), self._mailbox.mails())
        if self._options.duration is None or self._stop.is_set():
            return alerts, []  # the users went when it pleased them
        self._display.doing("the alert comes and goes")
        deadline = monotonic() + ALERT
        while missing(alerts) and monotonic() < deadline and not self._stop.wait(POLL):
            self._check_others(None)
            alerts = read(self._console.alerts(), self._mailbox.mails())
        return alerts, missing(alerts)

    def _end(self, ledger: Path) -> Summary:
        alerts, missed = self._await_alert()
        self._display.doing("the chat sends its last telemetry")
        for replica in self._replicas:
            self._finish(replica.name)
        if self._redis:
            self._finish(self._redis.name)
        accepted = self._drain_collector()
        self._display.doing("reading the console's numbers")
        hours = max(24, int((monotonic() - self._started) // 3600) + 2)
        measured = self._console.measured()
        events = self._console.events(hours)
        self._finish("console")
        report = self._make_report()
        self._finish("mail")
        program = self._options.collector
        return Summary(
            ledger=json.loads(ledger.read_text(encoding="utf-8")),
            measured=measured,
            events=events,
            collector={"version": version(program), "path": str(program)} if program else None,
            collector_accepted=accepted.accepted if accepted else None,
            startup_seconds=round(self._startup, 3) if self._startup else None,
            seconds=monotonic() - self._started,
            alerts=tuple(alerts),
            missing_alerts=tuple(missed),
            report=report,
            notes=tuple(self._notes),
            replicas=len(self._replicas),
            instances=self._instances,
            broker=("redis" if self._redis else "memory") if self._options.hub else None,
        )

    def _make_report(self) -> RunReport:
        """Let the report be made and sent: the store is closed, and all that the run left is in it."""
        self._display.doing("making the report of the run")
        process = self._start(self._commands.report(self._directory, self._report, since=self._talking_since))
        if not process.wait(REPORT):
            raise process.failure(f"did not end within {REPORT:.0f} s")
        if process.code:
            raise process.failure(f"ended with exit code {process.code}")
        del self._running[process.name]
        return read_report(self._report, self._mailbox.mails())

    def _drain_collector(self) -> Counts | None:
        if not self._collector:
            return None
        self._display.doing("the Collector passes on what it has")
        # Its queue is on disk: what is in it when the Collector stops stays there, so it is waited for here.
        deadline = monotonic() + DRAIN
        counts = self._collector.counts()
        while (counts is None or not counts.drained) and monotonic() < deadline:
            self._running["collector"].wait(POLL)
            counts = self._collector.counts()
        if counts is None or not counts.drained:
            self._notes.append(f"The Collector had not passed on everything after {DRAIN:.0f} s: {counts}.")
        self._finish("collector")
        return counts

    def _start(self, program: Program) -> Process:
        process = Process(program, directory=self._directory, environment=self._environment)
        self._running[process.name] = process
        return process

    def _wait_ready(self, process: Process, ready: Callable[[], bool]) -> None:
        self._display.doing(f"starting: {process.name}")
        deadline = monotonic() + READY
        while not ready():
            self._check_others(None)
            if monotonic() > deadline:
                raise process.failure(f"did not answer within {READY:.0f} s")
            if self._stop.wait(POLL):
                raise StoppedEarlyError("stopped before the users had begun")
        # What answers may be another program that took the port in between.
        self._check_others(None)
        if self._stop.is_set():
            raise StoppedEarlyError("stopped before the users had begun")

    def _check_others(self, users: Process | None) -> None:
        """Raise when a program that should run has ended."""
        for process in self._running.values():
            if process is not users and process.code is not None:
                raise process.failure(f"ended on its own with exit code {process.code}")

    def _chat_answers(self, replica: Replica) -> bool:
        try:
            get(f"http://{HOST}:{replica.port}/")
        except Unreachable:
            return False
        return True

    def _finish(self, name: str) -> None:
        process = self._running.pop(name)
        process.stop(grace=GRACE)
        if process.killed:
            self._notes.append(f"{name} did not stop within {GRACE:.0f} s and was killed.")

    def _stop_all(self) -> None:
        """End what still runs: the last one started first; nobody waits for the numbers any more."""
        for process in reversed(list(self._running.values())):
            process.stop(grace=3)
        self._running.clear()

"""One workload, told by its clients' ledger and by every backend that got it through the Collector.

Two replicas of the chat. One is killed at a barrier, after its last counts were seen in a backend; one is told to stop
while people are connected, and started anew. Then all backends are asked the same questions about the past.

    run(directory) -> Outcome       # about a minute; also what scripts/proofs/pipeline.py is made of
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workload_clients import Clients
from workload_programs import HOST, SERVERS, Pipeline
from workload_questions import KILLED, LIVE, QUIET, Moments, Question, Tallies, questions

from socketscope import semconv
from socketscope.backends.base import Metrics
from socketscope.backends.embedded import EmbeddedBackend
from socketscope.backends.prometheus import PrometheusMetrics
from socketscope.backends.remote import RemoteBackend
from socketscope.demo.stack.console import Console
from socketscope.demo.stack.options import free_port
from socketscope.errors import BackendError, QueryError
from socketscope.query.model import Query
from socketscope.store.store import Store

EMBEDDED, REMOTE = "embedded", "remote console"
BACKENDS = (EMBEDDED, REMOTE, *SERVERS)
"""Names of the backends in every row's answers; the others are compared with the first."""
MEMBERS = 8
"""Connections of each room at the gathering before the kill: more at a time than ever else."""

Answer = Mapping[tuple[str, ...], Any]


@dataclass(frozen=True)
class Row:
    """One question, the clients' answer to it (None: they can't know) and what each backend said."""

    question: Question
    answers: Mapping[str, Answer | str]
    """Numbers by label values; a text is the error that was raised."""

    @property
    def name(self) -> str:
        """What was asked."""
        return self.question.name

    def differs(self, backend: str) -> str | None:
        """Say in what a backend's answer differs from the ledger's or the embedded backend's; None: in nothing."""
        answer = self.answers[backend]
        expected = self.answers[EMBEDDED] if self.question.ledger is None else self.question.ledger
        if not isinstance(answer, str) and not isinstance(expected, str) and self.question.agree(answer, expected):
            return None
        return f"{self.name}: {backend} says {answer}, expected {expected}"


@dataclass(frozen=True)
class Outcome:
    """What came of it; `names` of our metrics by server, `passed_on` points by exporter of the Collector."""

    rows: list[Row]
    names: Mapping[str, list[str]]
    passed_on: Mapping[str, float]
    ledger: Counter
    moments: Moments
    seconds: float
    steps: list[tuple[float, str]] = field(default_factory=list)

    def differences(self) -> list[str]:
        """All that differs, a line each."""
        return [found for row in self.rows for backend in row.answers if (found := row.differs(backend))]


def verdicts(outcome: Outcome) -> list[tuple[str, str, str, bool]]:
    """Say per backend what was asked, how many of the answers hold, the bar, and whether it was reached."""
    kinds = {
        "counts equal to the clients' ledger, to the unit": lambda asked: asked.exact and asked.ledger is not None,
        "quantiles within one bucket": lambda asked: bool(asked.bounds),
        "other answers as the clients' or the embedded backend's": lambda asked: (
            not asked.bounds and not (asked.exact and asked.ledger is not None)
        ),
    }
    found = []
    for backend in BACKENDS:
        for what, belongs in kinds.items():
            rows = [row for row in outcome.rows if belongs(row.question)]
            right = sum(row.differs(backend) is None for row in rows)
            found.append((f"{backend}: {what}", f"{right} of {len(rows)}", "all", bool(rows) and right == len(rows)))
    passed_on = {round(points) for points in outcome.passed_on.values()}
    everybody = len(outcome.passed_on) == 1 + len(SERVERS) and len(passed_on) == 1
    found.append(("metric points that the Collector passed on to each", str(sorted(passed_on)), "equal", everybody))
    return found


def run(directory: Path) -> Outcome:
    """Run the workload; files of the programs are left in `directory`. To be called in the main thread."""
    with Pipeline(directory) as pipeline:
        return asyncio.run(_Story(pipeline).tell())


def moment() -> float:
    """Now, at the end of a millisecond: Prometheus keeps whole ones, so that a point is in for all or for none."""
    return math.floor(time.time() * 1000) / 1000 + 0.000_999


class _Story:
    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.console = Console(pipeline.service.url)
        self.began = time.time()
        self.steps: list[tuple[float, str]] = []

    async def tell(self) -> Outcome:
        start = moment() - 1
        ports = {"a": free_port(), "b": free_port()}
        first = self.pipeline.replica("a-1", ports["a"])
        second = self.pipeline.replica(KILLED, ports["b"])
        staying = Clients("a-1", f"ws://{HOST}:{ports['a']}", ("lobby", "café"), seed=1)
        dying = Clients(KILLED, f"ws://{HOST}:{ports['b']}", ("lobby", "garden"), seed=2)
        self.step("two replicas")
        async with asyncio.TaskGroup() as group:
            for clients in (staying, dying):
                group.create_task(clients.live(seconds=5))
        for clients in (staying, dying):
            await clients.gather(MEMBERS)
        self.step("everybody is there")
        await self.seen(staying, dying)
        await asyncio.sleep(QUIET + 2)  # the time is the workload's: nothing happens in it
        at_kill = {"a-1": staying.tally(), KILLED: dying.tally()}
        kill = moment()
        second.kill()
        await dying.part(code=None)
        self.step("one was killed")

        await staying.thin_out(1)  # whoever is alone in a room has nobody to tell that he goes
        first.signal_to_stop()
        await staying.part(code=1012)
        await asyncio.to_thread(self.pipeline.wait, lambda: first.code is not None, "a-1 to stop")
        stopped = time.time()
        again = self.pipeline.replica("a-2", ports["a"])
        self.step("one was restarted")
        returning = Clients("a-2", f"ws://{HOST}:{ports['a']}", ("lobby", "café"), seed=3)
        await returning.live(seconds=4)
        await returning.gather(2)
        everybody = (staying, dying, returning)
        await self.seen(*everybody)
        await asyncio.sleep(max(0.0, stopped + LIVE + 1 - time.time()))  # until nothing of the others stands any more
        last = moment()
        await returning.thin_out(0)
        again.signal_to_stop()
        await asyncio.to_thread(self.pipeline.wait, lambda: again.code is not None, "a-2 to stop")
        await self.seen(*everybody)
        self.step("everybody has gone")

        passed_on = await asyncio.to_thread(self.pipeline.drain)
        at_end = {clients.accounts[0].instance: clients.tally() for clients in everybody}
        moments = Moments(start=start, kill=kill, last=last, end=moment())
        rows, names = await self.ask(questions(moments, at_kill, at_end), moments, at_kill, at_end)
        self.step("asked")
        ledger = sum(at_end.values(), Counter())
        return Outcome(rows, names, passed_on, ledger, moments, time.time() - self.began, self.steps)

    def step(self, what: str) -> None:
        self.steps.append((round(time.time() - self.began, 1), what))

    async def seen(self, *clients: Clients) -> None:
        """Wait until the console shows what the clients know: then the export that has it all is through."""
        expected = Counter()
        for account in (account for each in clients for account in each.accounts):
            known = account.as_dict()
            expected.update({key: known[key] or 0 for key in _SEEN})
        measured: dict[str, int | None] = {}

        def equal() -> bool:
            measured.update(self.console.measured())
            return all(measured[key] == expected[key] for key in _SEEN)

        try:
            await asyncio.to_thread(self.pipeline.wait, equal, "the console to show everything")
        except AssertionError as never:
            differ = {key: (measured[key], expected[key]) for key in _SEEN if measured[key] != expected[key]}
            raise AssertionError(f"{never}; measured and expected: {differ}") from None

    async def ask(self, asked, moments, at_kill, at_end):
        """Ask all backends: the rows, and what each of the servers calls our metrics."""
        names: dict[str, list[str]] = {}
        answers: dict[str, dict[str, Answer | str]] = {}
        extra = _extra(moments, at_kill, at_end)
        async with AsyncExitStack() as open_ones:
            for name, server in self.pipeline.servers.items():
                backend = PrometheusMetrics(server.url)
                open_ones.push_async_callback(backend.aclose)
                names[name] = (await backend.probe()).report()
                answers[name] = await _answers(backend, asked, extra)
            remote = await RemoteBackend.connect(self.pipeline.service.url)
            open_ones.push_async_callback(remote.aclose)
            answers[REMOTE] = await _answers(remote, asked, extra)
        await asyncio.to_thread(self.pipeline.service.stop)
        store = await asyncio.to_thread(Store.open, self.pipeline.directory / "data" / "socketscope.duckdb")
        try:
            answers[EMBEDDED] = await _answers(EmbeddedBackend(store), asked, extra)
        finally:
            store.close()
        rows = [
            Row(question, {name: answers[name][question.name] for name in BACKENDS}) for question in [*asked, *extra]
        ]
        return rows, names


_SEEN = (
    "connections_accepted", "connections_denied", "connections_lost", "connections_failed", "messages_received",
    "messages_sent", "bytes_received", "bytes_sent", "errors",
)  # fmt: skip


def _extra(moments: Moments, at_kill: Tallies, at_end: Tallies) -> dict[Question, Any]:
    """Questions that are no `Query` at a moment, and how they are asked."""
    active, messages = semconv.ACTIVE_CONNECTIONS.name, semconv.MESSAGES.name
    count = Query(messages, "increase", 10.0)
    step = 10.0
    start, end = moments.start, moments.end
    # The first window ends a step after the start, the last one not before the end.
    grid = {"start": start + step, "end": start + step * (1 + -(-(end - start) // step)), "step": step}
    total = sum(at_end.values(), Counter())
    everything = float(total["messages", "receive"] + total["messages", "transmit"])
    held = float(sum(at_kill.values(), Counter())[("open",)])

    async def peak(backend: Metrics) -> Answer:
        found = await backend.peak(active, start, end)
        return {} if found is None else {(): found}

    async def instances(backend: Metrics) -> Answer:
        return {(each.id,): each.service for each in await backend.instances(since=start, until=end)}

    async def by_step(backend: Metrics) -> Answer:
        [line] = await backend.range(count, **grid)
        return {(str(index),): -1.0 if value is None else value for index, (_, value) in enumerate(line.points)}

    async def added_up(backend: Metrics) -> Answer:
        [line] = await backend.range(count, **grid)
        return {(): sum(value or 0.0 for _, value in line.points)}

    async def lines(backend: Metrics) -> Answer:
        query = Query(active, window=5.0, by=("service.instance.id",))
        found = await backend.range(query, start=start, end=end, step=2.0)
        return {
            (line.labels["service.instance.id"], str(index)): value
            for line in found
            for index, (_, value) in enumerate(line.points)
            if value is not None
        }

    return {
        Question("most open connections at a time", count, end, {(): held}, exact=True): peak,
        Question("processes that reported", count, end, {(name,): "chat" for name in at_end}, exact=True): instances,
        Question("messages every 10 s", count, end, exact=True): by_step,
        Question("messages every 10 s, added up", count, end, {(): everything}, exact=True): added_up,
        Question("open connections by instance every 2 s", count, end, exact=True): lines,
    }


async def _answers(backend: Metrics, asked, extra) -> dict[str, Answer | str]:
    async def instant(question: Question) -> Answer:
        samples = await backend.instant(question.query, at=question.at)
        return {tuple(sample.labels.values()): sample.value for sample in samples}

    found: dict[str, Answer | str] = {}
    for question in asked:
        found[question.name] = await _or_error(instant(question))
    for question, how in extra.items():
        found[question.name] = await _or_error(how(backend))
    return found


async def _or_error(answer) -> Answer | str:
    try:
        return await answer
    except (BackendError, QueryError) as error:
        return repr(error)

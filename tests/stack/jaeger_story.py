"""Connections of the chat, through the real Collector into the real Jaeger: what Jaeger shows while they are open and
after they have closed.

    tell(directory, native=...) -> Facts        # about 10 s; also what scripts/proofs makes its rows of
"""

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from websockets.sync.client import connect

import one_chat
from collector_process import collector_with, listens
from jaeger_process import JaegerProcess
from socketscope import semconv
from socketscope.backends.base import Timeline, TraceSpan
from socketscope.backends.jaeger import JaegerTraces
from socketscope.backends.jaeger_model import spans_of_traces, warnings_of
from socketscope.backends.timeline import is_handshake, is_segment
from socketscope.demo.stack import programs
from socketscope.demo.stack.options import HOST, Options, free_port
from socketscope.demo.stack.process import Process, Program

CONNECTIONS = 3
SEGMENTS = 2
"""Segments of each connection that are waited for before it closes."""
CODE, REASON = 4000, "enough"


@dataclass(frozen=True)
class Picture:
    """What Jaeger shows at one time: how many traces there are of each connection, the warnings, the timelines."""

    traces: dict[str, int]
    all_traces: int
    warnings: list[str]
    missing_parents: list[str]
    """Parents of handshakes that are not there."""
    timelines: dict[str, Timeline]

    def one_trace_each(self) -> bool:
        """Whether each connection has one trace, and there are no others."""
        return set(self.traces.values()) == {1} and self.all_traces == len(self.traces)

    def readable(self) -> bool:
        """Whether each timeline begins with its handshake and has its segments, in order."""
        return all(_is_whole(timeline) for timeline in self.timelines.values())

    def only_the_native_parents_are_missed(self) -> bool:
        """Whether the warnings are that the handshakes' parents are not there, for each connection, and no others.

        FastAPI's own spans below the missing one are warned of too.
        """
        missed = {parent for parent in self.missing_parents for text in self.warnings if parent in text}
        return len(missed) == len(self.timelines) and all(
            text.startswith("invalid parent span IDs=") and any(parent in text for parent in missed)
            for text in self.warnings
        )


@dataclass(frozen=True)
class Facts:
    """The pictures while all connections were open and after all had closed; `native`: FastAPI's telemetry was on."""

    native: bool
    open: Picture
    closed: Picture

    def mistakes(self) -> list[str]:
        """All that is not as it should be."""
        checks = {
            "while open each connection has one trace": self.open.one_trace_each(),
            "while open each timeline is readable": self.open.readable(),
            "while open none is said to be closed": not any(each.closed for each in self.open.timelines.values()),
            "while open nothing is warned of, but the native parent": (
                self.open.only_the_native_parents_are_missed() if self.native else not self.open.warnings
            ),
            "after the close each connection has one trace": self.closed.one_trace_each(),
            "after the close each timeline is readable": self.closed.readable(),
            "after the close each is said to be closed": all(each.closed for each in self.closed.timelines.values()),
            "after the close nothing is warned of": not self.closed.warnings,
        }
        return [f"not so: {what}" for what, so in checks.items() if not so]


def tell(directory: Path, *, jaeger: Path, collector: Path, native: bool) -> Facts:
    """Run it; logs of the programs are left in `directory`. To be called in the main thread."""
    with ExitStack() as running:
        there = running.enter_context(JaegerProcess(jaeger, directory))
        options = Options(
            otlp_grpc_port=free_port(),
            otlp_http_port=free_port(),
            chat_port=free_port(),
            collector=collector,
            fastapi_telemetry=native,
        )
        surroundings = programs.surroundings(os.environ)
        for program in (
            collector_with("jaeger", options, directory, SOCKETSCOPE_JAEGER_ENDPOINT=there.otlp),
            _chat(options),
        ):
            process = Process(program, directory=directory, environment=surroundings)
            running.callback(process.stop, grace=15)
        there.wait_until(lambda: listens(options.otlp_grpc_port) and listens(options.chat_port))
        return _Story(there, options, native=native).tell()


class _Story:
    def __init__(self, jaeger: JaegerProcess, options: Options, *, native: bool) -> None:
        self.jaeger = jaeger
        self.url = f"ws://{HOST}:{options.chat_port}/ws/lobby"
        self.native = native
        self.began = time.time()

    def tell(self) -> Facts:
        with ExitStack() as people:
            for number in range(CONNECTIONS):
                person = people.enter_context(connect(f"{self.url}?user=person-{number}", proxy=None))
                people.callback(person.close, CODE, REASON)
                person.send(json.dumps({"action": "say", "text": "hello"}))
            opened = self.jaeger.wait_until(lambda: self.picture_of(_has_segments))
        closed = self.jaeger.wait_until(lambda: self.picture_of(self._has_all, every_parent=True))
        return Facts(self.native, opened, closed)

    def picture_of(self, condition: Callable[[Timeline], bool], *, every_parent: bool = False) -> Picture | None:
        """Look at Jaeger; None until all timelines are as `condition` says, and, if asked, every parent has come.

        FastAPI's spans come in several batches when a connection has ended.
        """
        traces = self.traces()
        spans = list(spans_of_traces(traces))
        ids = {span.attributes[semconv.CONNECTION_ID.name] for span in spans if is_handshake(span)}
        if len(ids) < CONNECTIONS:
            return None
        timelines = asyncio.run(self.timelines(ids))
        if not all(condition(timeline) for timeline in timelines.values()):
            return None
        # What is judged was there when the timelines were: read again, since more may have come in between.
        traces = self.traces()
        known = {span.span_id for span in spans_of_traces(traces)}
        if every_parent and any(span.parent_id and span.parent_id not in known for span in spans_of_traces(traces)):
            return None
        return Picture(
            traces={
                each: len({span.trace_id for span in spans_of_traces(traces) if _is_of(span, each)}) for each in ids
            },
            all_traces=len(traces),
            warnings=warnings_of(traces),
            missing_parents=[
                span.parent_id
                for span in spans_of_traces(traces)
                if is_handshake(span) and span.parent_id and span.parent_id not in known
            ],
            timelines=timelines,
        )

    def traces(self) -> list[dict[str, Any]]:
        """What Jaeger's own page reads."""
        found = json.loads(self.jaeger.get(f"/api/traces?{urlencode({'service': 'chat', 'limit': 1000})}"))["data"]
        assert isinstance(found, list)
        return found

    async def timelines(self, ids: Iterable[str]) -> dict[str, Timeline]:
        async with JaegerTraces(self.jaeger.url) as traces:
            found = {each: await traces.timeline(each, since=self.began - 60, until=time.time() + 60) for each in ids}
        return {each: timeline for each, timeline in found.items() if timeline is not None}

    def _has_all(self, timeline: Timeline) -> bool:
        # FastAPI's span ends after the last segment, and is exported with it or later.
        return timeline.closed and (not self.native or any(span.kind == "server" for span in timeline.spans))


def _has_segments(timeline: Timeline) -> bool:
    return sum(is_segment(span) for span in timeline.spans) >= SEGMENTS


def _is_whole(timeline: Timeline) -> bool:
    own = [span for span in timeline.spans if is_handshake(span) or is_segment(span)]
    indexes = [span.attributes[semconv.SEGMENT_INDEX.name] for span in own[1:]]
    return is_handshake(own[0]) and indexes == list(range(len(indexes))) and len(indexes) >= SEGMENTS


def _is_of(span: TraceSpan, connection_id: str) -> bool:
    return span.attributes.get(semconv.CONNECTION_ID.name) == connection_id


def _chat(options: Options) -> Program:
    chat = one_chat.chat(options)
    # Short segments, so that there are some while the connections are open.
    return replace(chat, environment={**chat.environment, "SOCKETSCOPE_SEGMENT": "1"})

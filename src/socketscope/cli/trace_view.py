"""A connection's timeline for people, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from socketscope import semconv
from socketscope.backends.base import Timeline, TraceSpan
from socketscope.backends.timeline import is_handshake, is_last_segment, is_message, is_segment

_WIDE: Final = 200
"""Columns where the output is no terminal, so that nothing is cut."""


def as_text(timeline: Timeline, *, link: str | None) -> str:
    """Return the timeline as JSON: its fields, and `link`."""
    return json.dumps({**asdict(timeline), "link": link}, ensure_ascii=False, indent=2)


def print_timeline(timeline: Timeline, *, link: str | None, now: float) -> None:
    """Print who it was, a line for each span, and how it ended or that it is open."""
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=_WIDE)
    first = timeline.spans[0]
    console.print(Text(f"Connection {timeline.connection_id}", style="bold"))
    for what, value in _identity(timeline):
        console.print(f"  {what:<10} {value}", soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("time (UTC)", "after", "span", "took", "what"):
        table.add_column(column, header_style="dim", no_wrap=column != "what", overflow="fold")
    for span in timeline.spans:
        table.add_row(
            datetime.fromtimestamp(span.start, UTC).strftime("%H:%M:%S.%f")[:-3],
            duration(span.start - first.start),
            _name(span),
            duration(span.end - span.start),
            _what(span),
            style="red" if span.status == "error" else None,
        )
    console.print()
    console.print(table)
    console.print()
    console.print(_ending(timeline, now), soft_wrap=True)
    if link:
        console.print(f"Trace      {link}", soft_wrap=True)


def duration(seconds: float) -> str:
    """Write a duration in the unit that suits it."""
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def size(count: float) -> str:
    """Write a number of bytes."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.4g} {unit}"
        count /= 1000
    return f"{count:.4g} GB"


def _identity(timeline: Timeline) -> Iterator[tuple[str, str]]:
    # What is learnt late (a user, a channel) is on the last spans.
    known: dict[str, Any] = {}
    for span in timeline.spans:
        if semconv.CONNECTION_ID.name in span.attributes:
            known |= span.attributes
            known["service"] = span.service
    for what, name in (
        ("service", "service"),
        ("route", semconv.HTTP_ROUTE.name),
        ("channels", semconv.CHANNELS.name),
        ("user", semconv.USER_HASH.name),
        ("client", semconv.CLIENT_ADDRESS.name),
        ("agent", semconv.USER_AGENT.name),
    ):
        if value := known.get(name):
            yield what, ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _name(span: TraceSpan) -> str:
    if is_segment(span):
        return f"segment {span.attributes[semconv.SEGMENT_INDEX.name]}"
    if is_message(span):
        return "message received" if span.attributes[semconv.DIRECTION.name] == "receive" else "message sent"
    return "handshake" if is_handshake(span) else span.name


def _what(span: TraceSpan) -> str:
    told = span.attributes
    if is_segment(span):
        parts = [
            _traffic("received", told, semconv.SEGMENT_MESSAGES_RECEIVED, semconv.SEGMENT_BYTES_RECEIVED),
            _traffic("sent", told, semconv.SEGMENT_MESSAGES_SENT, semconv.SEGMENT_BYTES_SENT),
        ]
        if slowest := told.get(semconv.SEGMENT_HANDLING_MAX.name):
            parts.append(f"slowest handling {duration(slowest)}")
        if waited := told.get(semconv.SEGMENT_SEND_MAX.name):
            parts.append(f"back-pressure: longest send {duration(waited)}")
    elif is_handshake(span):
        parts = [str(told[semconv.HANDSHAKE_OUTCOME.name])]
        if status := told.get(semconv.HTTP_STATUS.name):
            parts.append(f"status {status}")
    elif is_message(span):
        bytes_, kind = told.get(semconv.MESSAGE_BYTES.name), told.get(semconv.MESSAGE_TYPE.name)
        parts = [f"{size(bytes_)} of {kind}"] if bytes_ is not None and kind else []
        if suppressed := told.get(semconv.MESSAGES_SUPPRESSED.name):
            parts.append(f"{suppressed} others before it in its process had no span")
    else:
        parts = [f"{span.kind} span of {span.service}"]
    if error := told.get(semconv.ERROR_TYPE.name) or (span.status_message if span.status == "error" else None):
        parts.append(f"error: {error}")
    return "  ".join(parts)


def _traffic(what: str, told: Any, messages: semconv.Attribute, octets: semconv.Attribute) -> str:
    return f"{what} {told.get(messages.name, 0)} ({size(told.get(octets.name, 0))})"


def _ending(timeline: Timeline, now: float) -> str:
    start = timeline.spans[0].start
    last = next((span for span in timeline.spans if is_last_segment(span)), None)
    if last is None:
        newest = max(span.end for span in timeline.spans)
        outcome = next(
            (str(s.attributes[semconv.HANDSHAKE_OUTCOME.name]) for s in timeline.spans if is_handshake(s)), ""
        )
        if outcome not in ("", "accepted"):
            return f"Not opened: the handshake was {outcome}."
        return (
            f"Open, for {duration(now - start)}: no close has been reported. "
            f"What is shown reaches to {duration(now - newest)} ago; each segment is shown when it has ended."
        )
    told = last.attributes
    reason = told.get(semconv.CLOSE_REASON.name)
    errors = told.get(semconv.ERRORS.name, 0)
    return (
        f"Closed with {told.get(semconv.CLOSE_CODE.name, 'no code')} by {told.get(semconv.CLOSE_INITIATOR.name, '?')}"
        f"{f', reason {reason!r}' if reason else ''}, after {duration(told[semconv.DURATION.name])}: "
        f"{_traffic('received', told, semconv.MESSAGES_RECEIVED, semconv.BYTES_RECEIVED)}, "
        f"{_traffic('sent', told, semconv.MESSAGES_SENT, semconv.BYTES_SENT)}, "
        f"{errors} error{'' if errors == 1 else 's'}."
    )

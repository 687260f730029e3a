"""Spans -> the timeline of a connection. Pure; every implementation of `Traces` ends here."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from socketscope import semconv
from socketscope.backends.base import Timeline, TraceSpan
from socketscope.errors import QueryError

_ID: Final = re.compile(r"[0-9a-f]{16}")


def checked_id(connection_id: str) -> str:
    """Return the id of a connection; raises `QueryError` for what can't be one (it goes into backends' queries)."""
    if not _ID.fullmatch(connection_id):
        raise QueryError(
            f"{connection_id!r} is no connection's id: 16 hexadecimal digits are expected, "
            f"the value of {semconv.CONNECTION_ID.name}"
        )
    return connection_id


def timeline_of(connection_id: str, spans: Iterable[TraceSpan], *, since: float, until: float) -> Timeline | None:
    """Select the connection's spans: those with its id, and what descends from them.

    None: no span with its id reaches into `[since, until]`.

    A trace may hold more than one connection, where their clients were traced: what belongs to another is left out,
    with all that descends from it. A span that came twice counts once.
    """
    known = {(span.trace_id, span.span_id): span for span in spans}
    children = defaultdict[tuple[str, str | None], list[TraceSpan]](list)
    for span in known.values():
        children[span.trace_id, span.parent_id].append(span)
    chosen: dict[tuple[str, str], TraceSpan] = {}
    waiting = [span for span in known.values() if _connection_of(span) == connection_id]
    if not any(span.start <= until and span.end >= since for span in waiting):
        return None
    while waiting:
        span = waiting.pop()
        if (span.trace_id, span.span_id) in chosen or _connection_of(span) not in (connection_id, None):
            continue
        chosen[span.trace_id, span.span_id] = span
        waiting += children[span.trace_id, span.span_id]
    ordered = sorted(chosen.values(), key=lambda span: (span.start, _depth(span, chosen), span.end, span.span_id))
    return Timeline(connection_id, ordered, closed=any(is_last_segment(span) for span in ordered))


def unread_traces(connection_id: str, spans: Collection[TraceSpan]) -> list[str]:
    """Give the traces that the connection's messages are linked to, and of which there is no span yet.

    A search for a connection's id finds as many traces as it may; with many spans of messages its own may not be among
    them, and they all lead there.
    """
    read = {span.trace_id for span in spans}
    linked = (
        link.trace_id
        for span in spans
        if is_message(span) and _connection_of(span) == connection_id
        for link in span.links
    )
    return [trace_id for trace_id in dict.fromkeys(linked) if trace_id not in read]


def is_message(span: TraceSpan) -> bool:
    """Whether a span is that of a single message."""
    return semconv.DIRECTION.name in span.attributes and semconv.CONNECTION_ID.name in span.attributes


def is_segment(span: TraceSpan) -> bool:
    """Whether a span is a stretch of a connection's life."""
    return semconv.SEGMENT_INDEX.name in span.attributes


def is_handshake(span: TraceSpan) -> bool:
    """Whether a span is a connection's handshake."""
    return semconv.HANDSHAKE_OUTCOME.name in span.attributes


def is_last_segment(span: TraceSpan) -> bool:
    """Whether a span is the segment that ended with the connection; it has the totals of the whole life."""
    return is_segment(span) and semconv.DURATION.name in span.attributes


def _depth(span: TraceSpan, among: Mapping[tuple[str, str], TraceSpan]) -> int:
    """Count a span's ancestors: of two that start together the parent comes first."""
    ancestors: set[str] = set()  # also ends what goes round in a circle
    while (parent := among.get((span.trace_id, span.parent_id or ""))) and parent.span_id not in ancestors:
        ancestors.add(parent.span_id)
        span = parent
    return len(ancestors)


def _connection_of(span: TraceSpan) -> str | None:
    found = span.attributes.get(semconv.CONNECTION_ID.name)
    return None if found is None else str(found)

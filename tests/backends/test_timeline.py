import pytest

from socketscope import semconv
from socketscope.backends.base import TraceSpan
from socketscope.backends.timeline import timeline_of

ID = "0123456789abcdef"


def span(span_id, start, *, parent=None, connection=None, end=None, trace="t", **attributes):
    if connection:
        attributes[semconv.CONNECTION_ID.name] = connection
    return TraceSpan(trace, span_id, parent, span_id, "internal", "chat", start, end or start, attributes=attributes)


def ids(*spans):
    timeline = timeline_of(ID, spans, since=0, until=100)
    return timeline and [span.span_id for span in timeline.spans]


def test_it_is_ordered_by_start_and_a_parent_comes_before_its_child():
    assert ids(span("late", 3, parent="hand"), span("a-child", 1, parent="hand"), span("hand", 1, connection=ID)) == [
        "hand",
        "a-child",
        "late",
    ]


def test_a_span_that_came_twice_counts_once():
    assert ids(span("hand", 1, connection=ID), span("hand", 1, connection=ID)) == ["hand"]


def test_the_same_span_id_in_another_trace_is_another_span():
    assert ids(span("hand", 1, connection=ID), span("hand", 2, connection=ID, trace="u")) == ["hand", "hand"]


def test_what_another_connection_did_is_left_out_with_all_below_it():
    theirs = span("theirs", 2, parent="hand", connection="f" * 16)
    assert ids(span("hand", 1, connection=ID), theirs, span("below", 3, parent="theirs")) == ["hand"]


def test_what_is_above_it_is_not_its_own():
    assert ids(span("browser", 0), span("hand", 1, parent="browser", connection=ID)) == ["hand"]


def test_spans_that_are_each_others_parent_end():
    assert ids(span("one", 1, parent="two", connection=ID), span("two", 1, parent="one")) == ["one", "two"]


def test_a_span_of_its_own_has_to_reach_into_the_period():
    spans = [span("hand", 1, end=2, connection=ID), span("below", 1, end=9, parent="hand")]
    assert timeline_of(ID, spans, since=3, until=9) is None
    assert timeline_of(ID, spans, since=2, until=9).spans


@pytest.mark.parametrize(
    ("attributes", "closed"),
    [
        ({}, False),
        ({semconv.SEGMENT_INDEX.name: 0}, False),
        ({semconv.SEGMENT_INDEX.name: 0, semconv.DURATION.name: 1.5}, True),
        # FastAPI's own span is enriched with the life's counts: it is no segment.
        ({semconv.DURATION.name: 1.5, semconv.MESSAGES_SENT.name: 1}, False),
    ],
)
def test_only_the_last_segment_closes_it(attributes, closed):
    assert timeline_of(ID, [span("s", 1, connection=ID, **attributes)], since=0, until=9).closed is closed

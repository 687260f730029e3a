from __future__ import annotations

import gc
from collections import Counter
from threading import RLock

import pytest

from socketscope.telemetry.cardinality import Cap, SetCap
from socketscope.telemetry.connections import AT_ONCE, Connections, Where

WHERE: Where = ("/ws", 80)


@pytest.fixture
def connections() -> Connections:
    return Connections(RLock(), error_cap=Cap(50), set_cap=SetCap())


def opened(connections: Connections) -> None:
    connections.answered(WHERE, "accepted", 101, 1000)


def ended(connections: Connections, *, code: int = 1000, was_open: bool = True) -> None:
    connections.ended(WHERE, code, "client", "", 1.0, was_open=was_open)


def test_every_reader_sees_all_that_was_noted_before_it_asked(connections: Connections) -> None:
    opened(connections)
    assert connections.active() == {WHERE: 1}
    connections.answered(WHERE, "denied", 403, 1000)
    assert connections.handshakes() == {(WHERE, "accepted", 101): 1, (WHERE, "denied", 403): 1}
    opened(connections)
    assert connections.audited(Counter({WHERE: 2})) == {WHERE: 2}
    opened(connections)
    assert {key: sum(found.cells) for key, found in connections.handshake_durations()} == {
        (WHERE, "accepted"): 3,
        (WHERE, "denied"): 1,
    }
    ended(connections)
    assert connections.closed() == {(WHERE, "1000", "client", ""): 1}
    ended(connections)
    assert [sum(found.counts) for _, found in connections.durations()] == [2]
    for code in range(3000, 3030):
        ended(connections, code=code)
    assert connections.folded() == {"websocket.close.code": 10, "http.response.status_code": 0}
    assert connections.audited(Counter({WHERE: 1})) == {WHERE: 1}
    assert connections.drift == 30


def test_what_waits_to_be_reckoned_up_is_bounded_and_nothing_is_lost(connections: Connections) -> None:
    most = 0
    for number in range(10 * AT_ONCE + 7):
        opened(connections)
        if number % 2:
            ended(connections)
        most = max(most, len(connections._answered), len(connections._ended))
    assert most == AT_ONCE - 1
    assert connections.audited(Counter({WHERE: 5 * AT_ONCE + 4})) == {WHERE: 5 * AT_ONCE + 4}
    assert connections.drift == 0
    assert sum(connections.closed().values()) == 5 * AT_ONCE + 3


def test_what_waits_is_soon_no_concern_of_the_garbage_collector(connections: Connections) -> None:
    opened(connections)
    ended(connections)
    gc.collect()
    assert not any(map(gc.is_tracked, (*connections._answered, *connections._ended)))


def test_a_connection_that_the_table_did_not_have_is_not_counted_out(connections: Connections) -> None:
    opened(connections)
    ended(connections, was_open=False)
    assert connections.audited(Counter({WHERE: 1})) == {WHERE: 1}
    assert connections.drift == 0


def test_a_gauge_that_drifted_is_corrected_and_told(connections: Connections) -> None:
    for _ in range(5):
        opened(connections)
    live = Counter[Where]({WHERE: 3, ("/other", 80): 1})
    assert connections.audited(live) == live
    assert connections.drift == 3
    assert connections.audited(live) == live
    assert connections.drift == 3


def test_two_thousand_close_codes_make_a_bounded_number_of_attribute_sets(connections: Connections) -> None:
    for code in (1000, 1001, *range(3000, 5000)):
        ended(connections, code=code)
    closed = connections.closed()
    assert len({code for _, code, _, _ in closed}) == 2 + 20 + 1
    assert sum(closed.values()) == 2002
    assert connections.code_cap.folded == 1980


def test_what_is_noted_while_it_is_reckoned_up_is_counted_too(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = connections._count_handshake

    def interrupted(handshake: tuple[Where, str, int, int]) -> None:
        # As the garbage collector does, which may end a coroutine wherever something is allocated.
        if handshake[3] == 1000:
            for _ in range(AT_ONCE):
                connections.answered(WHERE, "abandoned", 0, 1)
        counting(handshake)

    monkeypatch.setattr(connections, "_count_handshake", interrupted)
    opened(connections)
    assert connections.handshakes() == {(WHERE, "accepted", 101): 1, (WHERE, "abandoned", 0): AT_ONCE}

from socketscope.telemetry.live import ClosedRing, LiveTable
from socketscope.telemetry.record import ConnectionRecord


def record(number: int, opened: int = 0) -> ConnectionRecord:
    made = ConnectionRecord(f"{number:016x}", 0, 0)
    made.accepted_wall = opened
    return made


def test_a_connection_leaves_the_table_once() -> None:
    table = LiveTable()
    entered = record(1)
    table.add(entered)
    assert len(table) == 1
    assert table.remove(entered)
    assert not table.remove(entered)
    assert len(table) == 0


def test_the_ring_forgets_by_age_and_says_so() -> None:
    ring = ClosedRing(since_wall=500, seconds=10)
    ring.add(record(1), now_wall=1_000_000_000, duration=1)
    ring.add(record(2), now_wall=5_000_000_000, duration=1)
    assert ring.complete_since == 500
    ring.add(record(3), now_wall=12_000_000_000, duration=1)
    assert [closed.closed_wall for closed in ring.since(0)] == [5_000_000_000, 12_000_000_000]
    assert ring.complete_since == 1_000_000_000


def test_the_ring_never_holds_more_than_its_limit() -> None:
    ring = ClosedRing(since_wall=0, limit=100)
    for number in range(1000):
        ring.add(record(number), now_wall=number, duration=1)
    assert len(ring.since(0)) == 100
    assert ring.complete_since == 899

import hashlib
import itertools
import signal
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from otlp_requests import (
    buckets,
    counter,
    event,
    gauge,
    histogram,
    logs_request,
    metrics_request,
    number,
    put,
    resource,
    span,
    traces_request,
)
from socketscope.errors import StoreDamagedError, StoreError, StoreFullError, StoreLockedError
from socketscope.store.decode_metrics import decode_metrics
from socketscope.store.record import Recorder
from socketscope.store.series import Registry, Series
from socketscope.store.store import Store
from socketscope.store.streams import Streams
from socketscope.store.wire import MetricsRequest

EVERYTHING = (
    metrics_request(counter("c", number(1, 5, attributes={"room": "a"})), histogram("h", buckets(1, [1.0], [2, 3]))),
    traces_request(span("WS /ws", 1)),
    logs_request(event(1, "websocket.connection.opened", {"websocket.connection.id": "x"})),
)
TABLES = ("resources", "series", "number_points", "histogram_points", "spans", "events")


def counts(store):
    return [store.select(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES]


_times = itertools.count()


def batch_of(*values):
    """Points of one series, each at a time of its own."""
    points = [number(next(_times), value) for value in values]
    request = MetricsRequest.FromString(metrics_request(gauge("m", *points)).SerializeToString())
    return decode_metrics(request, Streams(Registry()))


@pytest.fixture
def stopped_writer(monkeypatch):
    """An event: until it is set, the writer holds what it took."""
    go_on = threading.Event()
    write = Recorder.write

    def held(self, batches):
        go_on.wait()
        write(self, batches)

    monkeypatch.setattr(Recorder, "write", held)
    yield go_on
    go_on.set()


# life -----------------------------------------------------------------------------------------------------------------


def test_a_restart_keeps_everything_and_goes_on_with_the_same_series(tmp_path):
    path = tmp_path / "store.duckdb"
    for time in (1, 2):
        store = Store.open(path)
        for request in EVERYTHING:
            put(store, request)
        put(store, metrics_request(counter("c", number(time, time, attributes={"room": "b"}))))
        created = store.created_ns
        store.close()
    store = Store.open(path)
    assert counts(store) == [1, 3, 3, 1, 2, 2], "points that came twice are there once"
    assert store.created_ns == created
    assert store.select("SELECT count(DISTINCT series_id), max(series_id) FROM number_points") == [(2, 3)]
    store.close()


def test_close_writes_what_was_accepted(tmp_path, stopped_writer):
    store = Store.open(tmp_path / "store.duckdb")
    futures = [store.submit(batch_of(value)) for value in range(20)]
    assert not any(future.done() for future in futures)
    closing = threading.Thread(target=store.close)
    closing.start()
    stopped_writer.set()
    closing.join()
    assert all(future.done() and future.exception() is None for future in futures)
    store = Store.open(tmp_path / "store.duckdb")
    assert counts(store)[2] == 20
    store.close()


def test_a_closed_store_says_so_and_closes_twice(tmp_path):
    store = Store.open(None)
    store.close()
    store.close()
    assert not store.writable
    with pytest.raises(StoreError, match="closed"):
        store.submit(batch_of(1))
    with pytest.raises(StoreError, match="closed"):
        store.select("SELECT 1")


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    program = """
import pathlib, sys, time
sys.path.insert(0, sys.argv[2])
from otlp_requests import counter, metrics_request, number, put
from socketscope.store.store import Store
store = Store.open(pathlib.Path(sys.argv[1]))
for value in range(50):
    put(store, metrics_request(counter("c", number(value, value))))
print("acknowledged", flush=True)
sys.stdin.read()
"""
    path = tmp_path / "store.duckdb"
    here = str(Path(__file__).parents[1])
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(path), here], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout.readline() == "acknowledged\n"
        child.send_signal(signal.SIGKILL)
    store = Store.open(path)
    assert counts(store)[2] == 50
    store.close()


# files that can't be used ---------------------------------------------------------------------------------------------


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("content", [b"hello world\n" * 1000, b"", b"\0" * 20_000])
def test_a_file_that_is_no_database_is_refused_and_stays_as_it_is(tmp_path, content):
    path = tmp_path / "precious.txt"
    path.write_bytes(content)
    with pytest.raises(StoreDamagedError, match=r"precious\.txt"):
        Store.open(path)
    assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["precious.txt"]


def test_a_database_of_somebody_else_is_refused_and_stays_as_it_is(tmp_path):
    path = tmp_path / "theirs.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE theirs AS SELECT 1 AS x")
    before = digest(path)
    with pytest.raises(StoreDamagedError, match="not one of socketscope"):
        Store.open(path)
    assert digest(path) == before


def test_a_store_of_a_newer_version_is_refused_and_stays_as_it_is(tmp_path):
    path = tmp_path / "newer.duckdb"
    Store.open(path).close()
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE socketscope_store SET version = 999")
    before = digest(path)
    with pytest.raises(StoreDamagedError, match="version is 999"):
        Store.open(path)
    assert digest(path) == before


def test_a_store_that_is_cut_off_is_refused_and_stays_as_it_is(tmp_path):
    path = tmp_path / "cut.duckdb"
    Store.open(path).close()
    path.write_bytes(path.read_bytes()[:5000])
    before = digest(path)
    with pytest.raises(StoreDamagedError):
        Store.open(path)
    assert digest(path) == before


def test_a_directory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match="nowhere"):
        Store.open(tmp_path / "nowhere" / "store.duckdb")


def test_a_file_that_another_process_owns_is_refused(tmp_path):
    path = tmp_path / "store.duckdb"
    program = (
        "import pathlib, sys; from socketscope.store.store import Store;"
        "store = Store.open(pathlib.Path(sys.argv[1])); print('open', flush=True); sys.stdin.read(); store.close()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout.readline() == "open\n"
        with pytest.raises(StoreLockedError, match=r"store\.duckdb"):
            Store.open(path)
        owner.stdin.close()
    assert owner.returncode == 0
    Store.open(path).close()


def test_a_file_that_this_process_owns_already_is_refused(tmp_path):
    path = tmp_path / "store.duckdb"
    store = Store.open(path)
    with pytest.raises(StoreLockedError):
        Store.open(path)
    store.close()
    Store.open(path).close()


# writing ----------------------------------------------------------------------------------------------------------


def test_a_full_queue_refuses_and_takes_again_once_it_has_drained(stopped_writer):
    store = Store.open(None, max_pending_rows=10)
    large = store.submit(batch_of(*range(50)))  # alone it is taken, however large
    with pytest.raises(StoreFullError) as refused:
        store.submit(batch_of(1))
    assert (refused.value.pending_rows, refused.value.retry_after) == (50, 1)
    stopped_writer.set()
    large.result()
    store.submit(batch_of(1)).result()
    assert counts(store)[2] == 51
    store.close()


def test_what_is_queued_together_is_committed_together(store, monkeypatch):
    groups = []
    write, entered, go_on = Recorder.write, threading.Event(), threading.Event()

    def held(self, batches):
        groups.append(len(batches))
        entered.set()
        go_on.wait()
        write(self, batches)

    monkeypatch.setattr(Recorder, "write", held)
    first = store.submit(batch_of(1))
    entered.wait()
    rest = [store.submit(batch_of(value)) for value in range(30)]
    go_on.set()
    for future in (first, *rest):
        future.result()
    assert groups == [1, 30]


def test_a_batch_that_cannot_be_written_fails_alone_and_leaves_no_trace(store, stopped_writer):
    bad = batch_of(1)
    bad.numbers = [(Series(row[0].key._replace(metric="bad")), 1 << 70, *row[2:]) for row in bad.numbers]
    futures = [store.submit(batch) for batch in (batch_of(1), bad, batch_of(2))]
    stopped_writer.set()
    assert futures[0].exception() is None
    assert futures[2].exception() is None
    assert isinstance(futures[1].exception(), StoreError)
    assert store.select("SELECT metric FROM series") == [("m",)]
    assert counts(store)[2] == 2
    futures[2].result()
    assert store.writable, "the commit after the bad one succeeded"
    assert store.problem is None


def test_a_failing_disk_is_a_state_and_ends_with_the_next_commit(store, monkeypatch):
    def no_space(self, batches):
        raise duckdb.IOException("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Recorder, "write", no_space)
        with pytest.raises(StoreError, match="no space left"):
            store.submit(batch_of(1)).result()
        assert not store.writable
        assert "no space left" in store.problem
    store.submit(batch_of(1)).result()
    assert store.writable


def test_series_that_are_new_in_a_failed_commit_are_written_with_the_next_one(store, monkeypatch):
    append = Recorder._append

    def fails_at_points(self, table, rows):
        if table == "number_points":
            raise duckdb.IOException("gone")
        append(self, table, rows)

    with monkeypatch.context() as patched:
        patched.setattr(Recorder, "_append", fails_at_points)
        with pytest.raises(StoreError):
            store.submit(batch_of(1)).result()
    assert counts(store) == [0] * 6
    store.submit(batch_of(1)).result()
    assert counts(store)[:3] == [1, 1, 1]
    assert store.select("SELECT count(*) FROM number_points JOIN series ON series.id = series_id") == [(1,)]


def test_acknowledged_rows_are_seen_by_the_next_query_from_every_thread(store):
    seen = []

    def send(instance):
        for value in range(10):
            put(store, metrics_request(counter("c", number(value, value)), of=resource(instance)))
            sql = (
                "SELECT count(*) FROM number_points JOIN series ON series.id = series_id"
                " JOIN resources ON resources.id = resource_id WHERE instance_id = $i::VARCHAR"
            )
            seen.append(store.select(sql, {"i": instance}) == [(value + 1,)])

    threads = [threading.Thread(target=send, args=(f"i{index}",)) for index in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 50


def test_a_query_that_duckdb_refuses_is_a_store_error(store):
    with pytest.raises(StoreError, match="could not answer"):
        store.select("SELECT * FROM nothing")

"""Kills that fall into a check-point, made by hand where they are hard to hit."""

import subprocess
import sys

import duckdb
import pytest

from otlp_requests import gauge, key_values, metrics_request, number, put, span, traces_request
from socketscope.errors import StoreDamagedError, StoreLockedError
from socketscope.store import checkpoint
from socketscope.store.store import Store


@pytest.fixture
def path(tmp_path):
    """A store with 30 points in its file, and 20 more in its log, as a kill leaves it."""
    path = tmp_path / "store.duckdb"
    store = Store.open(path)
    for time in range(1, 31):
        put(store, metrics_request(gauge("m", number(time, time))))
    store.close()
    program = """
import os, pathlib, sys
sys.path.insert(0, sys.argv[2])
from otlp_requests import gauge, metrics_request, number, put
from socketscope.store.store import Store
store = Store.open(pathlib.Path(sys.argv[1]))
for time in range(31, 51):
    put(store, metrics_request(gauge("m", number(time, time))))
os._exit(0)
"""
    here = next(folder for folder in sys.path if folder.endswith("tests"))
    subprocess.run([sys.executable, "-c", program, path, here], check=True)
    assert path.with_name("store.duckdb.wal").stat().st_size > 0
    return path


def journal_of(path):
    with duckdb.connect(path, read_only=True) as connection, path.open("rb") as file:
        checkpoint._write(checkpoint._journal(path), file, connection)
    return path.with_name("store.duckdb.journal")


def tear_metadata(path):
    """Write half of the block of metadata anew, as a check-point that is killed there does."""
    content = bytearray(path.read_bytes())
    content[checkpoint.HEADERS + 50_000 : checkpoint.HEADERS + 90_000] = b"x" * 40_000
    path.write_bytes(content)


def points(path):
    store = Store.open(path)
    [(count,)] = store.select("SELECT count(*) FROM number_points")
    store.close()
    return count


def test_a_block_that_a_kill_has_torn_is_put_back_and_the_log_is_replayed(path):
    journal = journal_of(path)
    tear_metadata(path)
    assert points(path) == 50
    assert not journal.exists()
    assert points(path) == 50


def test_without_its_journal_a_torn_block_is_damage_and_the_file_stays_as_it_is(path):
    tear_metadata(path)
    before = path.read_bytes()
    with pytest.raises(StoreDamagedError, match="checksum"):
        Store.open(path)
    assert path.read_bytes() == before


def test_a_journal_of_a_check_point_that_ended_is_passed_over(path):
    journal = journal_of(path)
    content = journal.read_bytes()
    assert points(path) == 50, "closing it wrote a check-point of its own"
    journal.write_bytes(content)
    before = path.read_bytes()
    checkpoint.recover(path)
    assert path.read_bytes() == before
    assert not journal.exists()
    assert points(path) == 50


@pytest.mark.parametrize("length", [0, 5, 1000, -1])
def test_a_journal_that_was_not_written_to_its_end_is_passed_over(path, length):
    journal = journal_of(path)
    journal.write_bytes(journal.read_bytes()[:length])
    before = path.read_bytes()
    checkpoint.recover(path)
    assert path.read_bytes() == before
    assert not journal.exists()
    assert points(path) == 50


def test_a_journal_without_its_file_is_removed(path):
    journal = journal_of(path)
    path.unlink()
    checkpoint.recover(path)
    assert not journal.exists()


def test_a_check_point_of_another_process_is_left_alone(path):
    program = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout.readline() == "open\n"
        journal = path.with_name("store.duckdb.journal")
        journal.write_bytes(b"of the other process")
        with pytest.raises(StoreLockedError):
            Store.open(path)
        assert journal.read_bytes() == b"of the other process"
        owner.stdin.close()


def test_after_a_check_point_other_processes_are_refused_as_before(path):
    program = """
import pathlib, sys
from socketscope.errors import StoreLockedError
from socketscope.store.store import Store
try:
    Store.open(pathlib.Path(sys.argv[1])).close()
except StoreLockedError:
    print("refused")
"""

    def opened_elsewhere():
        return subprocess.run([sys.executable, "-c", program, path], check=True, capture_output=True, text=True).stdout

    store = Store.open(path)
    for time in range(51, 54):
        put(store, metrics_request(gauge("m", number(time, time))))
        store._writer.call(store._database.checkpoint).result()
        assert store._database.log_bytes() == 0
        assert opened_elsewhere() == "refused\n"
    store._writer.call(store._database.reopen).result()
    assert opened_elsewhere() == "refused\n"
    store.close()
    assert opened_elsewhere() == ""
    assert points(path) == 53


def test_duckdb_moves_the_log_at_no_time_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr("socketscope.store.upkeep.LOG_BYTES", 1 << 40)
    path = tmp_path / "store.duckdb"
    store = Store.open(path)
    before = path.read_bytes()
    for time in range(1, 31):
        put(store, traces_request(span("WS", time, attributes=key_values({"k": "x" * (1 << 20)}))))
    assert store._database.log_bytes() > 20 << 20
    assert path.read_bytes() == before
    store.close()
    assert path.read_bytes() != before
    assert not path.with_name("store.duckdb.wal").exists()

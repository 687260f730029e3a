"""A disk that is full, for real: a small file system in memory, where one can be mounted, or a limit to files' size."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from otlp_requests import gauge, key_values, metrics_request, number, put, span, traces_request
from socketscope.errors import StoreError
from socketscope.store import database
from socketscope.store.receive_http import http_app
from socketscope.store.store import Store

MIB = 1 << 20


@pytest.fixture
def disk(tmp_path):
    """A directory on a disk of 40 MiB."""
    mount = shutil.which("mount")
    done = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=40m", "none", str(tmp_path)], capture_output=True, text=True, check=False
    )
    if not done or done.returncode:
        pytest.skip(f"a file system can't be mounted here: {done.stderr if done else 'there is no mount'}")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


class Sender:
    """Sends points and spans whose bytes don't compress, and counts what was acknowledged."""

    def __init__(self, store):
        self.store = store
        self.points = 0
        self.sent = 0
        self._random = random.Random(1)  # no secrets

    def send(self, size=300):
        self.sent += 1
        points = [number(self.sent, self._random.random(), attributes={"n": index}) for index in range(size)]
        spans = [
            span(
                "WS", self.sent, trace_id=self._random.randbytes(16), span_id=self._random.randbytes(8),
                attributes=key_values({"k": self._random.randbytes(300).hex()}),
            )
            for _ in range(size)
        ]  # fmt: skip
        put(self.store, metrics_request(gauge("m", *points)))
        self.points += size
        put(self.store, traces_request(*spans))

    def until_refused(self):
        for _ in range(1000):
            try:
                self.send()
            except StoreError as error:
                return str(error)
        raise AssertionError("nothing was refused")

    def stored(self):
        return self.store.select("SELECT count(*) FROM number_points")[0][0]


def test_what_would_take_the_last_of_the_disk_is_refused_and_taken_again_once_there_is_space(disk, monkeypatch):
    monkeypatch.setattr(database, "RESERVE_BYTES", 20 * MIB)
    ballast = disk / "ballast"
    ballast.write_bytes(b"\0" * 14 * MIB)
    store = Store.open(disk / "store.duckdb")
    sender = Sender(store)
    refused = sender.until_refused()
    assert "free on the disk" in refused
    assert "20 are needed" in refused
    assert not store.writable
    assert "free on the disk" in store.problem
    assert sender.stored() == sender.points, "questions are answered, and right"
    with TestClient(http_app(store)) as http:
        answer = http.post(
            "/v1/metrics",
            content=metrics_request(gauge("m", number(1, 1))).SerializeToString(),
            headers={"content-type": "application/x-protobuf"},
        )
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    ballast.unlink()
    sender.send()
    assert store.writable
    assert sender.stored() == sender.points
    store.close()
    store = sender.store = Store.open(disk / "store.duckdb")
    assert sender.stored() == sender.points
    store.close()


def test_a_disk_that_others_fill_loses_nothing_and_the_store_goes_on_by_itself(disk, monkeypatch):
    # Nothing is held in reserve: DuckDB fails at moving its log into the file, and gives its connection up.
    monkeypatch.setattr(database, "RESERVE_BYTES", 0)
    reopened = []
    reopen = database.Database.reopen
    monkeypatch.setattr(database.Database, "reopen", lambda self: (reopened.append(1), reopen(self)))
    ballast = disk / "ballast"
    ballast.write_bytes(b"\0" * 18 * MIB)
    store = Store.open(disk / "store.duckdb")
    sender = Sender(store)
    sender.until_refused()
    assert not store.writable
    sender.until_refused()
    ballast.unlink()
    sender.send()
    sender.send()
    assert store.writable
    assert reopened
    # A request whose acknowledgement failed may have been written all the same.
    assert sender.points <= sender.stored() <= sender.sent * 300
    total = sender.stored()
    store.close()
    store = sender.store = Store.open(disk / "store.duckdb")
    assert sender.stored() == total
    store.close()


PROGRAM = """
import pathlib, resource, sys
sys.path[:0] = sys.argv[2:]
from socketscope.store import database
from socketscope.store.store import Store
from test_disk_full import Sender
store = Store.open(pathlib.Path(sys.argv[1]))
sender = Sender(store)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (6 << 20, hard))
refused = sender.until_refused()
assert not store.writable, store.problem
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
sender.send()
assert store.writable, store.problem
assert sender.points <= sender.stored() <= 300 * sender.sent, (sender.points, sender.stored())
store.close()
sender.store = Store.open(pathlib.Path(sys.argv[1]))
print(sender.points, sender.stored(), refused)
sender.store.close()
"""


def test_files_that_may_not_grow_are_a_full_disk_too(tmp_path):
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tmp_path / "store.duckdb", here, here.parent],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    acknowledged, stored, *refused = done.stdout.split()
    assert int(acknowledged) <= int(stored)
    assert "large" in " ".join(refused), "the reason is the system's own"

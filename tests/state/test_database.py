import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from socketscope.errors import ConfigurationError, StateDamagedError, StateError, StateLockedError
from socketscope.state.database import Database
from socketscope.state.migrations import MIGRATIONS


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.sqlite"


def test_what_was_written_is_there_after_a_restart(path):
    database = Database.open(path)
    database.write("INSERT INTO beats VALUES ('x', 1.5)")
    database.close()
    again = Database.open(path)
    assert [tuple(row) for row in again.read("SELECT * FROM beats")] == [("x", 1.5)]
    again.close()


def test_a_transaction_that_raises_leaves_nothing_even_of_those_in_it(path):
    database = Database.open(path)
    with pytest.raises(ZeroDivisionError), database.transaction():
        database.write("INSERT INTO beats VALUES ('x', 1)")
        with database.transaction():
            database.write("INSERT INTO beats VALUES ('y', 1)")
        raise ZeroDivisionError
    assert database.read("SELECT * FROM beats") == []
    database.write("INSERT INTO beats VALUES ('z', 1)")
    assert len(database.read("SELECT * FROM beats")) == 1
    database.close()


def test_one_process_owns_the_file(path):
    database = Database.open(path)
    with pytest.raises(StateLockedError, match=r"state\.sqlite is open in another process"):
        Database.open(path)
    database.close()
    Database.open(path).close()


DIES = """
import os, signal, sys
from pathlib import Path
from socketscope.state.database import Database
database = Database.open(Path(sys.argv[1]))
database.write("INSERT INTO beats VALUES ('kept', 1)")
transaction = database.transaction()
transaction.__enter__()
database.write("INSERT INTO beats VALUES ('not kept', 1)")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_leaves_what_it_committed_and_no_lock(path):
    ended = subprocess.run([sys.executable, "-c", DIES, path], check=False)
    assert ended.returncode == -signal.SIGKILL
    database = Database.open(path)
    assert [row["name"] for row in database.read("SELECT name FROM beats")] == ["kept"]
    database.close()


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"no database at all, and longer than its header", "not a SQLite file"), (b"SQLite format 3\0" + b"x" * 600, "")],
)
def test_a_file_that_is_none_of_ours_is_refused_and_left_as_it_was(path, content, why):
    path.write_bytes(content)
    with pytest.raises(StateDamagedError, match=rf"{why}.*left as it is"):
        Database.open(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused_and_left_as_it_was(path):
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(StateDamagedError, match="another program made it"):
        Database.open(path)
    assert path.read_bytes() == before


def test_a_damaged_file_is_refused_and_left_as_it_was(path):
    database = Database.open(path)
    with database.transaction():
        for number in range(2000):
            database.write("INSERT INTO beats VALUES (?, 1)", f"name-{number}")
    database.close()
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 8192] = b"\xff" * 8192
    path.write_bytes(content)
    with pytest.raises(StateDamagedError, match="it is damaged"):
        Database.open(path)
    assert path.read_bytes() == content


def test_a_file_of_a_newer_version_is_refused_and_left_as_it_was(path):
    Database.open(path, migrations=(*MIGRATIONS, ("CREATE TABLE newer (x)",))).close()
    before = path.read_bytes()
    with pytest.raises(StateDamagedError, match=f"version {len(MIGRATIONS) + 1}, this program knows {len(MIGRATIONS)}"):
        Database.open(path)
    assert path.read_bytes() == before


def test_a_file_of_an_older_version_is_brought_to_the_new_one_with_all_that_is_in_it(path):
    database = Database.open(path)
    database.write("INSERT INTO beats VALUES ('x', 1)")
    database.close()
    newer = Database.open(path, migrations=(*MIGRATIONS, ("ALTER TABLE beats ADD COLUMN note TEXT DEFAULT 'old'",)))
    assert [tuple(row) for row in newer.read("SELECT * FROM beats")] == [("x", 1.0, "old")]
    assert [row["version"] for row in newer.read("SELECT version FROM migrations")] == [*range(1, len(MIGRATIONS) + 2)]
    newer.close()


def test_a_step_to_a_new_version_that_fails_leaves_the_old_one(path):
    Database.open(path).close()
    with pytest.raises(ConfigurationError, match="syntax error"):
        Database.open(path, migrations=(*MIGRATIONS, ("CREATE TABLE more (x)", "NO SQL")))
    database = Database.open(path)
    assert database.read("SELECT name FROM sqlite_master WHERE name = 'more'") == []
    database.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_can_not_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigurationError, match=r"state\.file"):
        Database.open(tmp_path / "state.sqlite")


def test_a_place_that_is_no_directory_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"state\.file="):
        Database.open(tmp_path / "file" / "state.sqlite")


def test_a_state_in_memory_needs_no_file():
    database = Database.open(None)
    database.write("INSERT INTO beats VALUES ('x', 1)")
    assert len(database.read("SELECT * FROM beats")) == 1
    database.close()


def test_a_closed_file_is_an_error_of_ours(path):
    database = Database.open(path)
    database.close()
    with pytest.raises(StateError, match=r"state\.sqlite"):
        database.read("SELECT 1")

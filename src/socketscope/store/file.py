"""Opening the store's file: only a file of ours, of our version, is ever opened for writing."""

from __future__ import annotations

import contextlib
from pathlib import Path

import duckdb

from socketscope.errors import StoreDamagedError, StoreError, StoreLockedError
from socketscope.store import checkpoint, schema

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    # DuckDB loads what it misses from the network by default; a store must not.
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    # Its log is moved into the file by `checkpoint.py` alone: DuckDB's own way does not survive every kill.
    "checkpoint_threshold": "1TB",
    "auto_checkpoint_skip_wal_threshold": 1 << 62,
}


def connect(path: Path | None, *, now_ns: int) -> duckdb.DuckDBPyConnection:
    """Connect for writing to the store at `path` (None: in memory); its tables are made, as of `now_ns`, if it is new.

    Raises `StoreLockedError` when another process has the file, `StoreDamagedError` when it is not a store, damaged
    or of a newer version (nothing is written to it then), `StoreError` when it can't be created.
    """
    if path is None:
        connection = duckdb.connect(":memory:", config=_CONFIG)
    else:
        try:
            checkpoint.recover(path)
        except OSError as error:
            raise StoreError(f"{path} can't be opened: {error}.") from error
        if path.exists():
            # Opening for writing replays the log and may check-point: look at the version read-only before that.
            with contextlib.closing(_open(path, read_only=True)) as connection:
                _check(connection, path)
        connection = _open(path, read_only=False)
    try:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        if not _is_store(connection):
            connection.begin()
            connection.execute(schema.TABLES)
            connection.execute(f"INSERT INTO {schema.META} VALUES (?, ?, 0, 0, 0, 0, 0)", [schema.VERSION, now_ns])
            connection.commit()
    except duckdb.Error as error:
        connection.close()
        raise StoreError(f"{path} can't be made a store: {error}") from error
    return connection


def _open(path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(path), read_only=read_only, config=_CONFIG)
    except duckdb.IOException as error:
        text = str(error)
        if "lock" in text:
            raise StoreLockedError(str(path)) from error
        if path.is_file():
            raise StoreDamagedError(str(path), text.removeprefix("IO Error: ")) from error
        raise StoreError(
            f"{path} can't be opened: {text}. Give the path of a file in a directory that exists."
        ) from error
    except duckdb.Error as error:
        raise StoreDamagedError(str(path), str(error)) from error


def _is_store(connection: duckdb.DuckDBPyConnection) -> bool:
    return schema.META in _tables(connection)


def _tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}


def _check(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    tables = _tables(connection)
    if not tables:  # made, but the process ended before its tables were: as good as new
        return
    if schema.META not in tables:
        raise StoreDamagedError(str(path), "it is a DuckDB database, but not one of socketscope")
    try:
        versions = connection.execute(f"SELECT version FROM {schema.META}").fetchall()
    except duckdb.Error as error:
        raise StoreDamagedError(str(path), str(error)) from error
    if versions != [(schema.VERSION,)]:
        found = ", ".join(str(version) for (version,) in versions) or "none"
        raise StoreDamagedError(str(path), f"its version is {found}, this socketscope reads {schema.VERSION}")

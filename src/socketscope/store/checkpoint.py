"""Moving DuckDB's log into its file, so that the process may be killed at any moment.

DuckDB writes a check-point's data where nothing lies that the file's header refers to, and the header last. Its blocks
of metadata are an exception: where one is free in part, it is filled up and written anew in its place, all 256 KiB
with one checksum. A kill that falls into that write leaves a block that is neither, and a file that can't be opened.

So what the blocks and the headers are is kept in a journal beside the file while a check-point is under way. A
journal that is found when the file is opened tells that the check-point did not end: if the headers are still those
of the journal, the blocks are put back, and the log, which is whole, is replayed as after any other kill.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import duckdb

from socketscope.errors import StoreLockedError

HEADERS: Final = 3 * 4096
"""Bytes of the main header and the two headers of which one counts; the blocks follow."""
_MAGIC: Final = b"socketscope journal 1\n"
_PART: Final = struct.Struct("<QQ")  # where, and how many bytes
_DIGEST: Final = hashlib.sha256().digest_size


def checkpoint(connection: duckdb.DuckDBPyConnection, path: Path, file: BinaryIO) -> None:
    """Move the log into the file at `path`. Raises what DuckDB and the system raise.

    `file` is that file, open to be read, and stays open: to close it would give DuckDB's lock back.
    """
    journal = _journal(path)
    _write(journal, file, connection)
    try:
        connection.execute("CHECKPOINT")
    except duckdb.TransactionException:  # refused: nothing was begun
        journal.unlink()
        raise
    journal.unlink()


def recover(path: Path) -> None:
    """Undo a check-point of the file at `path` that did not end. Raises `StoreLockedError` where another has it."""
    journal = _journal(path)
    if not journal.exists():
        return
    if path.exists():
        with path.open("r+b") as file, _locked(file, path):
            parts = _read(journal)
            if parts and parts[0] == (0, file.read(HEADERS)):
                for where, content in parts[1:]:
                    file.seek(where)
                    file.write(content)
                file.flush()
                os.fsync(file.fileno())
            journal.unlink()
    else:
        journal.unlink()


def _journal(path: Path) -> Path:
    return path.with_name(path.name + ".journal")


def _write(journal: Path, file: BinaryIO, connection: duckdb.DuckDBPyConnection) -> None:
    [(block_size,)] = connection.execute("SELECT block_size FROM pragma_database_size()").fetchall()
    blocks = connection.execute("SELECT block_id FROM pragma_metadata_info() ORDER BY block_id").fetchall()
    places = [(0, HEADERS), *((HEADERS + number * block_size, block_size) for (number,) in blocks)]
    digest = hashlib.sha256()
    with journal.open("wb") as out:
        for piece in _pieces(file, places):
            digest.update(piece)
            out.write(piece)
        out.write(digest.digest())
        out.flush()
        os.fsync(out.fileno())
    _sync_directory(journal.parent)


def _pieces(file: BinaryIO, places: list[tuple[int, int]]) -> Iterator[bytes]:
    yield _MAGIC
    for where, size in places:
        file.seek(where)
        content = file.read(size)
        yield _PART.pack(where, len(content))
        yield content


def _read(journal: Path) -> list[tuple[int, bytes]]:
    """Read the parts; none where it was not written to its end, and so the check-point never began."""
    content = journal.read_bytes()
    body, digest = content[:-_DIGEST], content[-_DIGEST:]
    if not body.startswith(_MAGIC) or hashlib.sha256(body).digest() != digest:
        return []
    parts, position = [], len(_MAGIC)
    while position < len(body):
        where, size = _PART.unpack_from(body, position)
        position += _PART.size
        parts.append((where, body[position : position + size]))
        position += size
    return parts


@contextlib.contextmanager
def _locked(file: BinaryIO, path: Path) -> Iterator[None]:
    """Hold the lock that DuckDB takes, too, where the system has such locks."""
    try:
        import fcntl
    except ImportError:  # Windows: who has the file open lets nobody else open it
        yield
        return
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StoreLockedError(str(path)) from error
    yield  # closing the file gives the lock back


def _sync_directory(directory: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

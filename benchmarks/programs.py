"""Processes that take part in a measurement: told what to do a line at a time, they answer each with a line."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any


class Program:
    """A Python program that answers each line with a line."""

    def __init__(self, file: str, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, file, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def read(self) -> str:
        """Give the next line."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"{self._process.args} ended")
        return line.strip()

    def ask(self, line: object) -> str:
        """Say a line, and give the answer."""
        self.tell(line)
        return self.read()

    def ask_json(self, line: object) -> Any:
        """Say a line, and give the answer, which is JSON."""
        return json.loads(self.ask(line))

    def tell(self, line: object) -> None:
        """Say a line."""
        if self._process.stdin:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def program(file: str, *arguments: object) -> Iterator[Program]:
    """Run a program while the block runs."""
    running = Program(file, *arguments)
    try:
        yield running
    finally:
        running.stop()


async def told() -> AsyncIterator[list[str]]:
    """Yield the words of each line that the program is told."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while words := (await lines.readline()).decode().split():
        yield words

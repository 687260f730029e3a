"""One program of the demo, as a process that can't outlive it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from socketscope.errors import SocketscopeError

_PR_SET_PDEATHSIG: Final = 1
TAIL: Final = 20
"""Lines of a failed program's output that are shown."""


class ProgramError(SocketscopeError):
    """A program of the demo could not be started, ended on its own, or did not get ready; with the end of its log."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to start: `name` for people, the command line, and variables on top of the environment."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


class Process:
    """A started program; its output goes to `NAME.log` in `directory`.

    Must be started from the main thread: the kernel kills the child when the thread that started it ends.
    """

    def __init__(self, program: Program, *, directory: Path, environment: Mapping[str, str]) -> None:
        self.name = program.name
        self.log = directory / f"{program.name}.log"
        self.killed = False
        with self.log.open("wb") as log:
            try:
                self._popen = subprocess.Popen(
                    list(program.command),
                    env={**environment, **program.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=directory,
                    start_new_session=True,  # Ctrl-C is for the demo, which stops its programs in order
                    preexec_fn=partial(_die_with, os.getpid()) if sys.platform == "linux" else None,  # noqa: PLW1509 - no threads
                )
            except OSError as error:
                raise ProgramError(f"{self.name} could not be started: {error}.") from error

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._popen.poll()

    def signal_to_stop(self) -> None:
        """Send SIGTERM, if it still runs."""
        if self.code is None:
            self._popen.terminate()

    def wait(self, seconds: float) -> bool:
        """Wait for its end, at most so long; whether it has ended."""
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, *, grace: float) -> None:
        """Send SIGTERM and wait; after `grace` seconds kill it, which `killed` then tells."""
        self.signal_to_stop()
        if not self.wait(grace):
            self.kill()

    def kill(self) -> None:
        """End it at once, if it still runs."""
        if self.code is None:
            self.killed = True
            self._popen.kill()
            self._popen.wait()

    def failure(self, what: str) -> ProgramError:
        """Make the error that says `what` became of it, with the end of its output."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:]
        tail = "\n".join(f"    {line}" for line in lines) or "    (it wrote nothing)"
        return ProgramError(f"{self.name} {what}. The end of its output:\n{tail}")


_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with(parent: int) -> None:
    # Runs in the child between fork and exec.
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before the kernel knew
        os._exit(1)

"""One program of the demo, as a process that can't outlive it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from socketscope.errors import SocketscopeError

_WITH_PARENT: Final = ("--pdeathsig", "KILL", "--")
"""Options by which setpriv (util-linux) has the kernel end the program it becomes together with this process. Code of
ours between fork and exec would do it as well, and abort where a library with threads (gRPC) handles the fork."""
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
        command = list(program.command)
        if shutil.which(command[0]) is None:
            raise ProgramError(f"{self.name} could not be started: there is no program {command[0]}.")
        if setpriv := shutil.which("setpriv"):
            command = [setpriv, *_WITH_PARENT, *command]
        with self.log.open("wb") as log:
            try:
                self._popen = subprocess.Popen(
                    command,
                    env={**environment, **program.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=directory,
                    start_new_session=True,  # Ctrl-C is for the demo, which stops its programs in order
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

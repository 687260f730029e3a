"""A uvicorn server of its own process, watched as a benchmark wants it, that tells its CPU time and memory."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import uvicorn
from echo import raw
from watchers import SINK, WATCHERS

PEERS: Final = Path(__file__).resolve().parents[1] / ".venv-peers" / "bin" / "python"
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def python_for(watcher: str) -> str:
    """Give the interpreter that has what a watcher needs."""
    return sys.executable if WATCHERS[watcher].group == "main" else str(PEERS)


class Served:
    """A server while it is entered."""

    def __init__(self, watcher: str, sink: str) -> None:
        self._process = subprocess.Popen(
            [python_for(watcher), __file__, watcher],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, SINK: sink},
        )
        self.watcher = watcher
        self.port = int(self._line())

    def cpu(self) -> float:
        """Give the CPU seconds of the process so far, exporting threads included, once it has exported everything."""
        return self._ask("cpu")

    def memory(self) -> float:
        """Give its resident bytes, garbage collected and given back."""
        return self._ask("memory")

    def _ask(self, what: str) -> float:
        if self._process.stdin is None:
            raise RuntimeError("the server has no pipe")
        print(what, file=self._process.stdin, flush=True)
        return float(self._line())

    def _line(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise RuntimeError(f"the server of {self.watcher} ended: its message stands above")
        return line

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()


class _Telling(uvicorn.Server):
    async def startup(self, *args: Any, **kwargs: Any) -> None:
        await super().startup(*args, **kwargs)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)


def _answer(settle: Any) -> None:
    for line in sys.stdin:
        settle()
        if line.strip() == "cpu":
            print(time.process_time(), flush=True)
        else:
            gc.collect()
            ctypes.CDLL(None).malloc_trim(0)
            resident = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
            print(int(resident) * PAGE, flush=True)
    os._exit(0)


if __name__ == "__main__":
    found = WATCHERS[sys.argv[1]]
    config = uvicorn.Config(
        found.watch(raw()), host="127.0.0.1", port=0, lifespan="off", log_level="warning", ws_ping_interval=None
    )
    threading.Thread(target=_answer, args=(found.settle,), daemon=True).start()
    _Telling(config).run()

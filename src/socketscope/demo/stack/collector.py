"""The OpenTelemetry Collector between the chat and the embedded backend: where it is, and what it says of itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from socketscope.demo.stack.http import Unreachable, get
from socketscope.demo.stack.options import HOST, Options, free_port
from socketscope.demo.stack.process import Program
from socketscope.errors import ConfigurationError

VERSION: Final = "0.161.0"
"""Version that `scripts/tools` builds and that the configurations are checked with."""
SIGNALS: Final = ("metric_points", "spans", "log_records")
_SAMPLE = re.compile(r"^(\w+?)(?:\{([^}]*)\})? (\S+)$", re.MULTILINE)
_EXPORTER = re.compile(r'(?:^|,)exporter="([^"]*)"')
EXPORTER: Final = "otlp_grpc/embedded"
"""What sends to the embedded backend."""


def find(environment: Mapping[str, str]) -> Path | None:
    """Find the Collector's program: `SOCKETSCOPE_OTELCOL`, `otelcol` on the PATH, or what `scripts/tools` built.

    Raises `ConfigurationError` when `SOCKETSCOPE_OTELCOL` is set and is no program.
    """
    if chosen := environment.get("SOCKETSCOPE_OTELCOL"):
        found = shutil.which(chosen, path=environment.get("PATH"))
        if not found:
            raise ConfigurationError("SOCKETSCOPE_OTELCOL", chosen, "the path of the Collector's program")
        return Path(found).absolute()
    if on_path := shutil.which("otelcol", path=environment.get("PATH")):
        return Path(on_path).absolute()
    built = tools(environment) / f"otelcol-{VERSION}" / "otelcol"
    return built if built.is_file() else None


def tools(environment: Mapping[str, str]) -> Path:
    """Give the folder in which `scripts/tools` keeps what it builds."""
    if chosen := environment.get("SOCKETSCOPE_TOOLS"):
        return Path(chosen).absolute()
    cache = environment.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "socketscope" / "tools"


def version(program: Path) -> str:
    """Ask the program for its version; `unknown` where its answer can't be read."""
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False)
    found = re.search(r"\d+\.\d+\.\d+\S*", answer.stdout)
    return found.group() if found else "unknown"


def configuration(name: str) -> Path:
    """Find a file of collector-config/, which is in the repository or in the wheel."""
    here = Path(__file__).resolve()
    folder = here.parents[1] / "collector_config"
    if not folder.is_dir():  # not from a wheel: the folder in the repository
        folder = here.parents[4] / "collector-config"
    return folder / f"{name}.yaml"


def configurations(*destinations: str) -> tuple[Path, ...]:
    """Find what the Collector merges: the base, the embedded backend's, and those of other `destinations`."""
    return tuple(configuration(name) for name in ("base", "embedded", *destinations))


@dataclass(frozen=True, slots=True)
class Counts:
    """Items of each of `SIGNALS`, by the Collector's own metrics: taken in, and sent to the embedded backend."""

    accepted: Mapping[str, int]
    sent: Mapping[str, int]
    queued: int

    @property
    def drained(self) -> bool:
        """All that was accepted has been sent on."""
        return self.queued == 0 and all(self.sent[name] >= self.accepted[name] for name in SIGNALS)


class Collector:
    """The Collector of one demo, with ports of its own for its health and its metrics.

    `destinations` are files of collector-config/ besides the embedded backend's, with the `variables` that they need.
    """

    def __init__(
        self,
        program: Path,
        options: Options,
        destinations: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._program = program
        self._options = options
        self._configurations = configurations(*destinations)
        self._variables = variables or {}
        self._health_port = free_port()
        self._metrics_port = free_port()

    def program(self, directory: Path) -> Program:
        """Say what to start; its queue is kept below `directory`."""
        arguments = [argument for path in self._configurations for argument in ("--config", str(path))]
        return Program(
            "collector",
            [str(self._program), *arguments],
            {
                **self._variables,
                "SOCKETSCOPE_COLLECTOR_GRPC": f"{HOST}:{self._options.otlp_grpc_port}",
                "SOCKETSCOPE_COLLECTOR_HTTP": f"{HOST}:{self._options.otlp_http_port}",
                "SOCKETSCOPE_COLLECTOR_HEALTH": f"{HOST}:{self._health_port}",
                "SOCKETSCOPE_COLLECTOR_METRICS_HOST": HOST,
                "SOCKETSCOPE_COLLECTOR_METRICS_PORT": str(self._metrics_port),
                "SOCKETSCOPE_COLLECTOR_QUEUE": str(directory / "queue"),
                "SOCKETSCOPE_COLLECTOR_STORE": f"{HOST}:{self._options.store_grpc_port}",
            },
        )

    def ready(self) -> bool:
        """Its pipelines are up."""
        try:
            get(f"http://{HOST}:{self._health_port}/")
        except Unreachable:
            return False
        return True

    def counts(self) -> Counts | None:
        """Read what it accepted and sent so far; None when it does not answer."""
        try:
            return read_counts(get(f"http://{HOST}:{self._metrics_port}/metrics").decode())
        except Unreachable:
            return None


def read_counts(text: str) -> Counts:
    """Read the Collector's own metrics (Prometheus text), each summed over its labels.

    Of what it sends, that to the embedded backend counts: other destinations get other signals, at their own pace.
    """
    totals: dict[str, float] = {}
    for name, labels, value in _SAMPLE.findall(text):
        exporter = _EXPORTER.search(labels)
        if exporter is None or exporter.group(1) == EXPORTER:
            totals[name] = totals.get(name, 0.0) + float(value)

    def total(name: str) -> int:
        # The suffix depends on the version's naming of counters.
        return int(totals.get(f"{name}_total", totals.get(name, 0.0)))

    return Counts(
        accepted={name: total(f"otelcol_receiver_accepted_{name}") for name in SIGNALS},
        sent={name: total(f"otelcol_exporter_sent_{name}") for name in SIGNALS},
        queued=total("otelcol_exporter_queue_size"),
    )

"""The real Collector with one destination's configuration, as a program to start."""

import socket
from collections.abc import Iterable
from pathlib import Path

from socketscope.demo.stack.collector import configurations
from socketscope.demo.stack.options import HOST, Options, free_port
from socketscope.demo.stack.process import Program


def collector_with(
    destination: str, options: Options, directory: Path, *, configs: Iterable[str] = (), **more: str
) -> Program:
    """The Collector with the base configuration and one destination's; its OTLP ports are those of `options`.

    `configs`: what it is to merge besides.
    """
    folder = configurations()[0].parent
    merged = (str(folder / "base.yaml"), str(folder / f"{destination}.yaml"), *configs)
    return Program(
        "collector",
        [str(options.collector), *(argument for config in merged for argument in ("--config", config))],
        {
            "SOCKETSCOPE_COLLECTOR_GRPC": f"{HOST}:{options.otlp_grpc_port}",
            "SOCKETSCOPE_COLLECTOR_HTTP": f"{HOST}:{options.otlp_http_port}",
            "SOCKETSCOPE_COLLECTOR_HEALTH": f"{HOST}:{free_port()}",
            "SOCKETSCOPE_COLLECTOR_METRICS_HOST": HOST,
            "SOCKETSCOPE_COLLECTOR_METRICS_PORT": str(free_port()),
            "SOCKETSCOPE_COLLECTOR_QUEUE": str(directory / "queue"),
            **more,
        },
    )


def listens(port: int) -> bool:
    """Whether somebody listens there. Not asked by a request, of which the program could make telemetry."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0

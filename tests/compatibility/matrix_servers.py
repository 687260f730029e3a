"""Servers and frameworks of the matrix: how each is started, and what it can't do."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from real_program import RealProgram
from socketscope.demo.stack.options import HOST, free_port

APPS = Path(__file__).parent / "apps"
PROGRAMS = Path(sys.executable).parent
LIMIT = 65536
"""Bytes of the largest message that the servers take, where that can be set."""


@dataclass(frozen=True)
class Server:
    """`arguments` may hold {app}, {host}, {port}, {directory}. `lacks`: scenario -> why it can't be had."""

    name: str
    distribution: str
    arguments: tuple[str, ...]
    lacks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Framework:
    """`module` in apps/; `environment` of its own; `without`: instrumentations that are switched off."""

    name: str
    distribution: str
    module: str
    lacks: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ("fastapi",)
    templates: bool = True
    """Whether it has route templates; plain ASGI has none, and the first segment of the path stands for them."""


_UVICORN = (
    *("uvicorn", "{app}:app", "--host", "{host}", "--port", "{port}", "--log-level", "warning"),
    *("--ws-max-size", str(LIMIT), "--ws-ping-interval", "1", "--ws-ping-timeout", "2"),
)
_NO_USER_TIMEOUT = {"stops-reading": "TCP_USER_TIMEOUT is set on uvicorn's sockets only"}

SERVERS = (
    Server("uvicorn", "uvicorn", (*_UVICORN, "--ws", "websockets-sansio")),
    Server("uvicorn wsproto", "uvicorn", (*_UVICORN, "--ws", "wsproto")),
    Server("uvicorn websockets", "uvicorn", (*_UVICORN, "--ws", "websockets")),
    Server("uvicorn --reload", "uvicorn", (*_UVICORN, "--reload", "--reload-dir", "{directory}")),
    Server("uvicorn --workers 2", "uvicorn", (*_UVICORN, "--workers", "2")),
    Server(
        "gunicorn",
        "gunicorn",
        (
            *("gunicorn", "{app}:app", "--bind", "{host}:{port}", "--workers", "2", "--log-level", "warning"),
            *("--worker-class", "uvicorn_worker_class.Worker", "--worker-tmp-dir", "{directory}"),
        ),
    ),
    Server(
        "hypercorn",
        "hypercorn",
        ("hypercorn", "{app}:app", "--bind", "{host}:{port}", "-c", "{directory}/hypercorn.toml"),
        {"missed-pong": "it sends pings and does not ask for the answer", **_NO_USER_TIMEOUT},
    ),
    Server(
        "granian",
        "granian",
        (
            *("granian", "--interface", "asgi", "--host", "{host}", "--port", "{port}", "--ws", "{app}:app"),
            *("--log-level", "warning", "--workers-kill-timeout", "5"),
        ),
        {
            "missed-pong": "it sends no pings",
            "too-large": "no limit can be set",
            "deny-response": "it has no denial extension",
            **_NO_USER_TIMEOUT,
        },
    ),
    Server(
        "daphne",
        "daphne",
        (
            *("daphne", "{app}:app", "--bind", "{host}", "--port", "{port}", "--verbosity", "0"),
            *("--ping-interval", "1", "--ping-timeout", "2", "--websocket-max-message-size", str(LIMIT)),
            *("--application-close-timeout", "2"),
        ),
        {"deny-response": "it has no denial extension", **_NO_USER_TIMEOUT},
    ),
)

_NOT_ITS_PROTOCOL = "its clients speak a protocol of their own"
_VALIDATES = {"invalid": "it validates nothing"}
_OF_ITS_OWN = dict.fromkeys(
    (
        *("client-1000", "client-1001", "client-4123", "client-empty", "reset", "fin", "missed-pong", "too-large"),
        *("invalid-utf8", "server-close", "returns", "raises", "denied", "deny-response", "broken", "invalid"),
        *("abandoned", "send-after-gone", "close-after-gone", "cleanup", "raced", "binary", "subprotocol", "mounted"),
        *("excluded", "stops-reading", "shutdown"),
    ),
    _NOT_ITS_PROTOCOL,
)
_SOCKETIO = ("socketio", "socketio-refused", "socketio-raises", "socketio-lost")
_GRAPHQL = ("graphql", "graphql-fails", "graphql-bad")
_ONLY_ASGI = {"stops-reading": ""}  # it takes long
_NO_SOCKETIO = dict.fromkeys(_SOCKETIO, "")
_NO_GRAPHQL = dict.fromkeys(_GRAPHQL, "")
_NEITHER = {**_NO_SOCKETIO, **_NO_GRAPHQL}
_OTHERS = {**_NEITHER, **_ONLY_ASGI}
_NO_RACE = {"raced": "it has no receive() to race", "returns": "a consumer has no end of its own"}

FRAMEWORKS = (
    Framework("ASGI", "", "raw_app", {**_NEITHER, **_VALIDATES}, templates=False),
    Framework("FastAPI, native", "fastapi", "fastapi_app", _OTHERS, environment={"COMPATIBILITY_TELEMETRY": "native"}),
    Framework("FastAPI, contrib", "fastapi", "fastapi_app", _OTHERS, without=()),
    Framework("FastAPI, neither", "fastapi", "fastapi_app", _OTHERS),
    Framework("Starlette", "starlette", "starlette_app", {**_OTHERS, **_VALIDATES}),
    Framework("Litestar", "litestar", "litestar_app", _OTHERS),
    Framework("Quart", "quart", "quart_app", {**_OTHERS, **_VALIDATES}),
    Framework(
        "Channels",
        "channels",
        "channels_app",
        {**_OTHERS, **_VALIDATES, **_NO_RACE, "deny-response": "it has no such answer"},
    ),
    Framework("python-socketio", "python-socketio", "socketio_app", {**_NO_GRAPHQL, **_OF_ITS_OWN}),
    Framework("GraphQL (strawberry)", "strawberry-graphql", "graphql_app", {**_NO_SOCKETIO, **_OF_ITS_OWN}),
)


def server(name):
    return next(found for found in SERVERS if found.name == name)


def framework(name):
    return next(found for found in FRAMEWORKS if found.name == name)


class Running(RealProgram):
    """A server with an application, under `opentelemetry-instrument` unless it is `bare`."""

    def __init__(self, server, framework, directory, *, bare=False):
        self.port = free_port()
        super().__init__(directory, f"http://{HOST}:{self.port}")
        self.server = server
        self.framework = framework
        self.bare = bare
        (self.directory / "hypercorn.toml").write_text(
            f"websocket_max_message_size = {LIMIT}\nwebsocket_ping_interval = 1\ngraceful_timeout = 2\n"
        )

    def command(self):
        places = {"app": self.framework.module, "host": HOST, "port": self.port, "directory": self.directory}
        program, *arguments = (argument.format(**places) for argument in self.server.arguments)
        wrapper = [] if self.bare else [str(PROGRAMS / "opentelemetry-instrument")]
        return [*wrapper, str(PROGRAMS / program), *arguments]

    def ready(self):
        import socket

        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) == 0

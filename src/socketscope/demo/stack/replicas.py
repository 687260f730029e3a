"""The processes of the chat, and the Redis between them."""

from __future__ import annotations

import secrets
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from socketscope.demo.stack.options import HOST, Options, free_port
from socketscope.demo.stack.process import Program
from socketscope.errors import ConfigurationError, MissingExtraError

Broker = Literal["memory", "redis"]


@dataclass(frozen=True, slots=True)
class Replica:
    """One process of the chat. `user_key` is the same for all, so that a user is the same user everywhere."""

    name: str
    port: int
    user_key: str
    broker_url: str | None = None

    @property
    def url(self) -> str:
        """Where its sockets are."""
        return f"ws://{HOST}:{self.port}"


def make_replicas(options: Options, broker_url: str | None) -> tuple[Replica, ...]:
    """Choose names and ports: the first one has the chat's port, the others any."""
    key = secrets.token_hex(16)
    first = Replica("chat", options.chat_port, key, broker_url)
    others = (Replica(f"chat-{number}", free_port(), key, broker_url) for number in range(2, options.replicas + 1))
    return (first, *others)


def find_redis(environment: Mapping[str, str]) -> Path:
    """Find the server: the variable `SOCKETSCOPE_REDIS`, or `redis-server` on the PATH.

    Raises `ConfigurationError` where it is nowhere, `MissingExtraError` where nothing could talk to it.
    """
    chosen = environment.get("SOCKETSCOPE_REDIS")
    found = shutil.which(chosen or "redis-server", path=environment.get("PATH"))
    if not found:
        expected = "the path of redis-server (apt-get install redis-server, or brew install redis)"
        raise ConfigurationError("SOCKETSCOPE_REDIS", chosen, expected)
    if find_spec("redis") is None:
        raise MissingExtraError("--broker redis", "redis")
    return Path(found).absolute()


class Redis:
    """A Redis of the demo's own, which keeps nothing."""

    name = "redis"

    def __init__(self, program: Path) -> None:
        self._program = program
        self._port = free_port()
        self.url = f"redis://{HOST}:{self._port}"

    def program(self) -> Program:
        """Say what to start."""
        settings = {"port": self._port, "bind": HOST, "save": "", "appendonly": "no"}
        arguments = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
        return Program(self.name, [str(self._program), *arguments])

    def ready(self) -> bool:
        """Tell whether it answers."""
        try:
            with socket.create_connection((HOST, self._port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

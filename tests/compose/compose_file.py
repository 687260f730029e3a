"""docker-compose.yml as data, with its variables resolved as Compose does, and what stands behind its names."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[2]
FILE = REPOSITORY / "docker-compose.yml"
VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")
SECRETS = {"SOCKETSCOPE_CONSOLE_TOKEN": "c" * 32, "SOCKETSCOPE_OTLP_TOKEN": "o" * 32}

LISTENING = {
    # service: ports inside its container that other containers or the host can reach
    "console": {8300, 14317, 14318},
    "collector": {4317, 4318},
    "prometheus": {9090},
    "jaeger": {4317, 16686},
    "grafana": {3000},
    "chat": {8000},
    "users": set(),
}
"""Those of our programs are checked against their command lines; those of others are their images' defaults."""


@dataclass(frozen=True)
class Mount:
    source: str
    target: str
    mode: str

    @property
    def is_of_the_host(self):
        return self.source.startswith(".")

    @property
    def path(self):
        return (REPOSITORY / self.source).resolve()


def resolved(value, environment):
    """Fill in variables; a required one that is missing raises KeyError."""
    if isinstance(value, dict):
        return {key: resolved(inner, environment) for key, inner in value.items()}
    if isinstance(value, list):
        return [resolved(inner, environment) for inner in value]
    if not isinstance(value, str):
        return value
    return VARIABLE.sub(lambda found: fill(found, environment), value)


def fill(found, environment):
    name, kind, text = found.groups()
    if environment.get(name):
        return environment[name]
    if kind == "-":
        return text
    raise KeyError(f"{name}: {text}")


def services(environment=SECRETS):
    return resolved(yaml.safe_load(FILE.read_text("utf-8"))["services"], environment)


def mounts(service):
    return [Mount(*(*text.split(":"), "rw")[:3]) for text in service.get("volumes", [])]


def on_the_host(service, path):
    """The file of the repository that is at `path` in the container of `service`."""
    for mount in mounts(service):
        if mount.is_of_the_host and (path == mount.target or path.startswith(f"{mount.target}/")):
            return Path(f"{mount.path}{path.removeprefix(mount.target)}")
    raise AssertionError(f"{path} is in no folder that is mounted")

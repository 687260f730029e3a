"""`socketscope.yaml`, `SOCKETSCOPE_*` variables and options of the command line, as one `Settings`.

Each section has its own typed options. The command line wins over the environment, that over the file, that over the
defaults. This module and the command line are the only readers of the environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from socketscope.access import Listening
from socketscope.backends.links import LinkOptions
from socketscope.console.options import ConsoleOptions
from socketscope.errors import ConfigurationError
from socketscope.query.kept import HOURS
from socketscope.store.retention import DAY_NS, Retention

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

PREFIX: Final = "SOCKETSCOPE_"
FILE: Final = "socketscope.yaml"
"""Name of the file that is read from the working directory where none is named."""
HIDDEN: Final = "(hidden)"
"""Stands for a secret's value in messages."""

Layer = Mapping[str, Mapping[str, Any]]
"""Section -> key -> value, from one source."""


class OtlpOptions(Listening):
    """Where OTLP is received, and from whom."""

    host: str = Field(default="127.0.0.1", json_schema_extra={"option": "--otlp-host"})
    """Address to receive OTLP on; one that is not loopback needs a token."""
    grpc_port: int = Field(default=4317, ge=0, le=65535, json_schema_extra={"option": "--otlp-grpc-port"})
    """Port for OTLP over gRPC; 0 lets the system choose a free one."""
    http_port: int = Field(default=4318, ge=0, le=65535, json_schema_extra={"option": "--otlp-http-port"})
    """Port for OTLP over HTTP; 0 lets the system choose a free one."""


class StoreOptions(BaseModel):
    """Where the embedded backend keeps its data, and how much of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    data: Path | None = Field(default=None, json_schema_extra={"option": "--data"})
    """Directory of the store; by default the user's data directory (`$XDG_DATA_HOME/socketscope` on Linux)."""
    memory: bool = Field(default=False, json_schema_extra={"option": "--memory"})
    """Keep everything in memory and nothing after the end."""
    retention_days: float = Field(default=7, gt=0, le=3660)
    """How long metrics (by the minute), events and spans are kept."""
    retention_bytes: int = Field(default=2 << 30, ge=64 << 20)
    """How large the store may become; where that is too little, everything is kept for a shorter time."""
    raw_hours: float = Field(default=24, ge=1, le=8784)
    """How long every single point is kept, and so how late one may come; by 10 s they are kept twice as long."""

    @property
    def retention(self) -> Retention:
        """What the store keeps."""
        return Retention(
            age_ns=round(self.retention_days * DAY_NS),
            points_ns=round(self.raw_hours * HOURS),
            bytes=self.retention_bytes,
        )

    @property
    def file(self) -> Path | None:
        """The store's file; None for one in memory."""
        return None if self.memory else (self.data or data_directory()) / "socketscope.duckdb"


class Settings(BaseSettings):
    """Everything that can be set, by section. Made directly it reads no environment and no file; `load` does."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="_", env_nested_max_split=1, extra="forbid", frozen=True
    )

    console: ConsoleOptions = ConsoleOptions()
    otlp: OtlpOptions = OtlpOptions()
    store: StoreOptions = StoreOptions()
    links: LinkOptions = LinkOptions()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `load` has put together and nothing else."""
        return (init_settings,)


def load(file: Path | None = None, options: Layer | None = None) -> Settings:
    """Read `file` (by default `socketscope.yaml`, if there is one) and the environment; `options` win over both.

    Raises a `ConfigurationError`, or an `ExceptionGroup` of one for each mistake, that names the source, the key and
    what was expected.
    """
    file = file or (Path(path) if (path := os.environ.get(f"{PREFIX}CONFIG")) else None)
    name = str(file or FILE)
    layers: list[tuple[str, Layer]] = [
        ("option", options or {}),
        ("variable", _read_environment()),
        (name, _read_file(file) if file else _read_file(Path(FILE)) if Path(FILE).is_file() else {}),
    ]
    merged: dict[str, Any] = {}
    for _, layer in reversed(layers):
        for section, values in layer.items():
            known = merged.get(section)
            if isinstance(known, Mapping) and isinstance(values, Mapping):
                merged[section] = {**known, **values}
            else:
                merged[section] = values
    try:
        return Settings(**merged)
    except ValidationError as error:
        mistakes = [_mistake(detail, layers) for detail in error.errors()]
    if len(mistakes) == 1:
        raise mistakes[0]
    raise ExceptionGroup("settings", mistakes)


def data_directory() -> Path:
    """Return the directory in which programs of this user keep data of socketscope."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "socketscope"


def fields() -> Iterator[tuple[str, str, Any]]:
    """Yield section, key and pydantic's description of each setting."""
    for section, model in Settings.model_fields.items():
        assert isinstance(model.annotation, type)  # noqa: S101 - sections are classes
        assert issubclass(model.annotation, BaseModel)  # noqa: S101 - of options
        for key, field in model.annotation.model_fields.items():
            yield section, key, field


def is_secret(section: str, key: str | None) -> bool:
    """Whether a setting's value must not be shown."""
    return any((of, name) == (section, key) and "SecretStr" in str(field.annotation) for of, name, field in fields())


def variable(section: str, key: str) -> str:
    """Return the name of the environment variable of a setting."""
    return f"{PREFIX}{section}_{key}".upper()


def _read_environment() -> Layer:
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as error:
        raise ConfigurationError(f"{PREFIX}*", str(error), "one variable for each setting") from error


def _read_file(path: Path) -> Layer:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError("configuration file", str(path), f"a file that can be read ({error})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())
        raise ConfigurationError("configuration file", str(path), f"YAML in UTF-8 ({why})") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationError("configuration file", str(path), f"the sections {', '.join(Settings.model_fields)}")
    return {
        str(section): {str(key): value for key, value in values.items()} if isinstance(values, dict) else values
        for section, values in content.items()
    }


def _mistake(detail: ErrorDetails, layers: list[tuple[str, Layer]]) -> ConfigurationError:
    path = [str(part) for part in detail["loc"]]
    section, key = path[0], path[1] if len(path) > 1 else None
    known = [key for of, key, _ in fields() if of == section]
    if detail["type"] == "extra_forbidden":
        expected = f"one of {', '.join(known if key else Settings.model_fields)}"
    elif key is None:
        expected = f"keys and values, of the keys {', '.join(known)}"
    else:
        expected = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    shown = HIDDEN if is_secret(section, key) and detail["input"] is not None else detail["input"]
    return ConfigurationError(_name(section, key, layers), shown, expected)


def _name(section: str, key: str | None, layers: list[tuple[str, Layer]]) -> str:
    # What the user wrote: the winning layer that has the key.
    for source, layer in layers:
        values = layer.get(section)
        if values is None or (key and isinstance(values, Mapping) and key not in values):
            continue
        if source == "option":
            extra = {(of, name): field.json_schema_extra or {} for of, name, field in fields()}
            return str(extra[section, key or ""].get("option"))
        if source == "variable":
            return variable(section, key or "").rstrip("_")
        return f"{source}: {section}.{key}" if key else f"{source}: {section}"
    return f"{section}.{key} ({variable(section, key or '')})"

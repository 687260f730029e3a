"""`socketscope.yaml`, `SOCKETSCOPE_*` variables and options of the command line, as one `Settings`.

Each section has its own typed options. The command line wins over the environment, that over the file, that over the
defaults. This module and the command line are the only readers of the environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError
from typing_extensions import override

from socketscope.access import Listening
from socketscope.alerts.options import AlertOptions
from socketscope.backends.choose import BackendOptions
from socketscope.backends.http import presentable
from socketscope.backends.links import LinkOptions
from socketscope.console.options import ConsoleOptions
from socketscope.errors import ConfigurationError
from socketscope.notify.configured import mistake as notifier_mistake
from socketscope.notify.configured import with_secrets
from socketscope.notify.registry import Notifiers
from socketscope.notify.secrets import HIDDEN
from socketscope.query.kept import HOURS
from socketscope.reports.options import ReportOptions
from socketscope.rules.document import repeated, shown
from socketscope.rules.mistakes import wanted
from socketscope.state.options import StateOptions
from socketscope.store.retention import DAY_NS, Retention

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

PREFIX: Final = "SOCKETSCOPE_"
FILE: Final = "socketscope.yaml"
"""Name of the file that is read from the working directory where none is named."""

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
    """How large the store may become; where that is too little, everything is kept for a shorter time: spans as short
    as need be, numbers and events an hour at least."""
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
    backend: BackendOptions = BackendOptions()
    alerts: AlertOptions = AlertOptions()
    reports: ReportOptions = ReportOptions()
    state: StateOptions = StateOptions()
    notifiers: Notifiers = Field(default_factory=dict)

    @property
    def state_file(self) -> Path | None:
        """Where alerts keep their state; None for nowhere but in memory."""
        store = self.store.file
        return self.state.file or (store.with_name("socketscope-state.sqlite") if store else None)

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `load` has put together and nothing else."""
        return (init_settings,)


def load(file: Path | None = None, options: Layer | None = None) -> Settings:
    """Read `file` (by default `socketscope.yaml`, if there is one) and the environment; `options` win over both.

    Raises a `ConfigurationError`, or an `ExceptionGroup` of one for each mistake, that names the source, the key and
    what was expected.
    """
    file = file or (Path(path) if (path := os.environ.get(f"{PREFIX}CONFIG")) else None)
    source = file or Path(FILE)
    mistakes: list[ConfigurationError] = []
    layers: list[tuple[str, Layer]] = [
        ("option", options or {}),
        ("variable", _read_environment()),
        (str(source), _read_file(source, mistakes) if file or source.is_file() else {}),
    ]
    merged: dict[str, Any] = {}
    for _, layer in reversed(layers):
        for section, values in layer.items():
            known = merged.get(section, {})
            if isinstance(known, Mapping) and isinstance(values, Mapping):
                merged[section] = {**known, **values}
            elif isinstance(known, Mapping):  # a section that is none stays what it is: a mistake, whatever else is set
                merged[section] = values
    if "notifiers" in merged:
        merged["notifiers"] = with_secrets(
            merged["notifiers"], os.environ, mistakes, where=lambda name: _name("notifiers", name, layers)
        )
    try:
        settings = Settings(**merged)
    except ValidationError as error:
        mistakes += [_mistake(detail, layers) for detail in error.errors()]
    if not mistakes:
        return settings
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
    """Yield section, key and pydantic's description of each setting; notifiers, which have names, are left out."""
    for section, model in Settings.model_fields.items():
        if isinstance(model.annotation, type) and issubclass(model.annotation, BaseModel):
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
        expected = (
            "one variable for each setting, and JSON in one whose setting has keys or is a list of more than names"
        )
        raise ConfigurationError(f"{PREFIX}*", str(error), expected) from error


def _read_file(path: Path, mistakes: list[ConfigurationError]) -> Layer:
    """Read the sections of a file; keys that stand twice are added to `mistakes`."""
    try:
        text = path.read_text(encoding="utf-8")
        root, content = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except OSError as error:
        raise ConfigurationError("configuration file", str(path), f"a file that can be read ({error})") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: as a 30th of February
        why = " ".join(str(error).split())
        raise ConfigurationError("configuration file", str(path), f"YAML in UTF-8 ({why})") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationError("configuration file", str(path), f"the sections {', '.join(Settings.model_fields)}")
    mistakes += [
        ConfigurationError(f"{path}: {shown(place)}", f"(in line {line})", "each key once")
        for place, line in repeated(root)
    ]
    return {
        str(section): {str(key): value for key, value in values.items()} if isinstance(values, dict) else values
        for section, values in content.items()
        if values is not None  # nothing but comments in it, perhaps
    }


def _mistake(detail: ErrorDetails, layers: list[tuple[str, Layer]]) -> ConfigurationError:
    path = [str(part) for part in detail["loc"]]
    section, key = path[0], path[1] if len(path) > 1 else None
    if section == "notifiers" and key:
        return notifier_mistake(detail, _name(section, key, layers))
    known = [key for of, key, _ in fields() if of == section]
    inner = path[2:] if key else []
    if detail["type"] == "extra_forbidden":
        names = _keys_within(section, key) if inner else known if key else Settings.model_fields
        expected = f"one of {', '.join(names)}"
    elif key is None and detail["type"] == "value_error":  # of several keys together; their values may be secret
        keys = ", ".join(detail["input"]) if isinstance(detail["input"], Mapping) else HIDDEN
        return ConfigurationError(_name(section, None, layers), keys, detail["msg"].removeprefix("Value error, "))
    elif key is None:
        expected = f"keys and values, of the keys {', '.join(known)}" if known else "a name and its settings for each"
    else:
        expected = wanted(detail)
    found = HIDDEN if _may_be_secret(section, key, detail["input"]) else presentable(detail["input"])
    return ConfigurationError(".".join([_name(section, key, layers), *inner]), found, expected)


def _may_be_secret(section: str, key: str | None, value: Any) -> bool:
    """Whether a value must not be shown: it is a secret, or text under an unknown key, beside keys that are secret."""
    keys = [name for of, name, _ in fields() if of == section]
    if key in keys or key is None:
        return value is not None and is_secret(section, key)
    return isinstance(value, str) and any(is_secret(section, name) for name in keys)


def _keys_within(section: str, key: str | None) -> list[str]:
    """Give the keys of what a setting is made of, where that are settings themselves."""
    annotation = next(field.annotation for of, name, field in fields() if (of, name) == (section, key))
    return [name for model in _models(annotation) for name in model.model_fields]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]


def _name(section: str, key: str | None, layers: list[tuple[str, Layer]]) -> str:
    # What the user wrote: the winning layer that has the key; of a whole section one that has no keys at all.
    if key is None:
        layers = sorted(layers, key=lambda layer: isinstance(layer[1].get(section, {}), Mapping))
    for source, layer in layers:
        values = layer.get(section)
        if values is None or (isinstance(values, Mapping) and (key not in values if key else source == "option")):
            continue
        if source == "option":
            extra = {(of, name): field.json_schema_extra or {} for of, name, field in fields()}
            return str(extra[section, key or ""].get("option"))
        if source == "variable":
            return variable(section, key or "").rstrip("_")
        return f"{source}: {section}.{key}" if key else f"{source}: {section}"
    return f"{section}.{key} ({variable(section, key or '')})"

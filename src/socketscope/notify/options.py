"""What the options of all notifiers share: a limit of time, and secrets that stand in no configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

TIMEOUT: Final = 10.0
"""Seconds for one notification, by default."""


class Options(BaseModel):
    """Options of a notifier.

    A secret `NAME` is a field of type `SecretStr | None`. In a configuration it is `NAME_file`, a file with the secret
    and nothing else, or `NAME_env`, the name of an environment variable, which `socketscope.config` reads.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    may_be_written: ClassVar[frozenset[str]] = frozenset()
    """Secrets that a configuration may hold all the same."""

    timeout: float = Field(default=TIMEOUT, gt=0, le=120)
    """Seconds for one notification, as a whole."""

    @classmethod
    def secrets(cls) -> tuple[str, ...]:
        """Return the names of the fields that are secret."""
        return tuple(name for name, field in cls.model_fields.items() if "SecretStr" in str(field.annotation))

    @classmethod
    def keys(cls, name: str) -> tuple[str, ...]:
        """Return the keys by which a configuration gives the field `name`."""
        if name not in cls.secrets():
            return (name,)
        return (*((name,) if name in cls.may_be_written else ()), f"{name}_env", f"{name}_file")

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        values = dict(values)
        for name in cls.secrets():
            file = values.pop(f"{name}_file", None)
            if file is None:
                continue
            if values.get(name) is not None:
                raise ValueError(f"one of {', '.join(cls.keys(name))}")
            values[name] = _read(f"{name}_file", file)
        return values

    @model_validator(mode="after")
    def _are_not_empty(self) -> Self:
        for name in self.secrets():
            value: SecretStr | None = getattr(self, name)
            if value is not None and not value.get_secret_value().strip():
                raise ValueError(f"a secret for {name} that is not empty")
        return self


def plain_text(secret: SecretStr | None) -> str:
    """Return a secret itself, to be used and not kept; an empty text where there is none."""
    return "" if secret is None else secret.get_secret_value()


def needed(options: Options, *names: str) -> None:
    """Raise `ValueError` for the first of the secrets `names` that is not given; for validators."""
    for name in names:
        if getattr(options, name) is None:
            raise ValueError(f"one of {', '.join(options.keys(name))}")


def _read(key: str, file: Any) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError, TypeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no text in UTF-8"
        raise ValueError(f"a file that can be read as {key} ({file}: {why})") from error

"""The section `notifiers` of a configuration: where its secrets come from, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from socketscope.backends.http import presentable
from socketscope.errors import ConfigurationError
from socketscope.notify.registry import TYPES
from socketscope.notify.secrets import HIDDEN
from socketscope.rules.mistakes import wanted

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


_STAND_IN: Final = SecretStr("https://hidden.invalid")
"""In place of a secret that can't be had, so that what else is wrong is found as well."""


def with_secrets(
    section: Any, environment: Mapping[str, str], mistakes: list[ConfigurationError], *, where: Callable[[str], str]
) -> Any:
    """Return the section with the secret in place of each `NAME_env`.

    Adds one to `mistakes` for each secret that is written in the section itself or is in no variable; `where` tells
    what a notifier of that name is called there. What else is wrong with the section is left to its types.
    """
    if not isinstance(section, Mapping):
        return section
    return {name: _resolve(entry, environment, mistakes, where(str(name))) for name, entry in section.items()}


def mistake(detail: ErrorDetails, where: str) -> ConfigurationError:
    """Return what pydantic found in the section as an error that names the key; `where` names the notifier."""
    location, kind = detail["loc"][2:], detail["type"]
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        given = detail["input"].get("type") if isinstance(detail["input"], Mapping) else None
        return ConfigurationError(f"{where}.type", given, f"one of {', '.join(TYPES)}")
    if location == ("[key]",):
        return ConfigurationError(where, "the name", "letters, digits, '.', '_' and '-', at most 64")
    options = TYPES[str(location[0])].options if location and location[0] in TYPES else None
    path = [str(part) for part in location[1:]]
    if kind == "extra_forbidden" and options:
        expected = f"one of {', '.join(key for name in options.model_fields for key in options.keys(name))}"
    elif kind == "missing":
        expected = "a value"
    else:
        expected = wanted(detail)
    telling = options is None or not path or path[0] not in options.model_fields or path[0] in options.secrets()
    shown = None if kind == "missing" else HIDDEN if telling else presentable(detail["input"])
    return ConfigurationError(".".join([where, *path]), shown, expected)


def _resolve(entry: Any, environment: Mapping[str, str], mistakes: list[ConfigurationError], where: str) -> Any:
    kind = entry.get("type") if isinstance(entry, Mapping) else None
    if not isinstance(entry, Mapping) or not isinstance(kind, str) or kind not in TYPES:
        return entry
    entry, options = dict(entry), TYPES[kind].options
    for secret in options.secrets():
        written, variable = entry.get(secret), entry.pop(f"{secret}_env", None)
        if written is not None and secret not in options.may_be_written:
            entry[secret] = _STAND_IN
            expected = f"{secret}_env (the name of a variable) or {secret}_file (a file) instead"
            mistakes.append(ConfigurationError(f"{where}.{secret}", HIDDEN, expected))
        elif variable is not None and written is not None:
            entry[secret] = _STAND_IN
            mistakes.append(
                ConfigurationError(f"{where}.{secret}", HIDDEN, f"one of {', '.join(options.keys(secret))}")
            )
        elif variable is not None:
            known = isinstance(variable, str) and bool(environment.get(variable))
            entry[secret] = SecretStr(environment[variable]) if known else _STAND_IN
            if not known:
                # A secret that was written here by mistake is no name of a variable.
                named = variable if isinstance(variable, str) and variable.isidentifier() else HIDDEN
                expected = "the name of an environment variable that is set"
                mistakes.append(ConfigurationError(f"{where}.{secret}_env", named, expected))
    return entry

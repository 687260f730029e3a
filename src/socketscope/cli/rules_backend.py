"""The backend that `socketscope rules replay` asks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from socketscope.backends.base import Metrics
from socketscope.backends.choose import BackendOptions, Kind, chosen
from socketscope.backends.http import presentable
from socketscope.cli.stored import opened_store
from socketscope.config import Settings, load
from socketscope.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Asked:
    """What was said on the command line; `kind` None: what the configuration says, else the console."""

    kind: Kind | None
    url: str | None
    data: Path | None
    token: str | None = field(repr=False)
    user: str | None = field(repr=False)
    tenant: str | None
    config: Path | None


@contextlib.asynccontextmanager
async def opened(asked: Asked) -> AsyncIterator[Metrics]:
    """Open the backend. Raises `ConfigurationError` for what is missing, and what the backend raises."""
    settings = load(asked.config, {"store": {"data": asked.data, "memory": False}} if asked.data else None)
    # The store of a service that runs is asked through its console.
    configured: Kind = "remote" if settings.backend.kind == "embedded" else settings.backend.kind
    kind = asked.kind or configured
    if kind == "embedded":
        from socketscope.backends.embedded import EmbeddedBackend

        async with opened_store(settings) as store:
            yield EmbeddedBackend(store)
        return
    if kind == settings.backend.kind and asked.url is None:
        options = settings.backend
    else:
        options = _options(asked, kind, settings)
    async with chosen(options) as metrics:
        yield metrics


def _options(asked: Asked, kind: Kind, settings: Settings) -> BackendOptions:
    said: dict[str, Any] = {"kind": kind, "url": asked.url, "token": asked.token, "tenant": asked.tenant}
    if asked.user is not None:
        said["username"], colon, said["password"] = asked.user.partition(":")
        if not colon:
            raise ConfigurationError("--user", "(hidden)", "NAME:PASSWORD")
    console = settings.console
    if kind == "remote" and asked.url is None:
        said["url"] = f"http://{f'[{console.host}]' if ':' in console.host else console.host}:{console.port}"
        # The configuration's token is for the configuration's console, and for no other address.
        said["token"] = asked.token or console.token
    elif kind == "prometheus" and asked.url is None:
        raise ConfigurationError("--url", None, "the address of Prometheus")
    elif kind == "datadog":
        for name, variable in (("api_key", "DD_API_KEY"), ("app_key", "DD_APP_KEY")):
            said[name] = os.environ.get(variable)
            if not said[name]:
                raise ConfigurationError(variable, None, "a key of Datadog's API in the environment")
        said["site"] = os.environ.get("DD_SITE")
    try:
        return BackendOptions(**said)
    except ValidationError as error:
        detail = error.errors()[0]
        option = f"--{detail['loc'][0]}" if detail["loc"] else "--backend"
        shown = presentable(asked.url) if option == "--url" else kind
        raise ConfigurationError(option, shown, detail["msg"].removeprefix("Value error, ")) from None

"""Whom commands ask: the console of the configuration where none is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from socketscope.addresses import authority
from socketscope.backends.choose import BackendOptions
from socketscope.errors import ConfigurationError

if TYPE_CHECKING:
    from socketscope.backends.choose import Kind
    from socketscope.config import Settings


def console(settings: Settings, url: str | None, token: str | None) -> tuple[str, str | None]:
    """Return the console's address and token, by default those of the configuration.

    The configuration's token is for the configuration's console, and for no other address.
    """
    if url is not None:
        return url, token
    of = settings.console
    return f"http://{authority(of.host, of.port)}", token or (of.token.get_secret_value() if of.token else None)


def backend(settings: Settings, kind: Kind | None, url: str | None, token: str | None) -> BackendOptions:
    """Return the backend that a command names, or that of the configuration; where that is a store, its console.

    Raises `ConfigurationError` where something is missing.
    """
    configured = settings.backend
    if kind is None and url is None and configured.kind != "embedded":
        return configured
    kind = kind or "remote"
    if kind == "embedded":
        return BackendOptions()
    if kind == configured.kind and url is None:
        return configured
    if kind == "remote":
        address, shown = console(settings, url, token)
        return BackendOptions.model_validate({"kind": kind, "url": _http(address), "token": shown})
    if kind == "prometheus":
        return BackendOptions.model_validate({"kind": kind, "url": _http(url), "token": token})
    raise ConfigurationError("--backend", kind, f"the section 'backend' of the configuration, with the keys of {kind}")


def _http(url: str | None) -> str:
    if url is None or not url.startswith(("http://", "https://")):
        raise ConfigurationError("--url", url, "an address, as http://127.0.0.1:9090")
    return url

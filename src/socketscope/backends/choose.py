"""Which backend is asked where it is not the store of this very service: options, and what is made of them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)

from socketscope.access import TokenOrFile
from socketscope.backends.base import Capabilities, Metrics
from socketscope.backends.datadog import DatadogMetrics, DatadogOptions
from socketscope.backends.http import Access, JsonClient, without_password
from socketscope.backends.prometheus import PrometheusMetrics
from socketscope.backends.remote import RemoteBackend
from socketscope.backends.wire import About
from socketscope.errors import ConfigurationError

T = TypeVar("T")
Kind = Literal["embedded", "remote", "prometheus", "datadog"]

NEEDED: Final[Mapping[Kind, tuple[str, ...]]] = {
    "remote": ("url",),
    "prometheus": ("url",),
    "datadog": ("api_key", "app_key"),
}
"""What each kind can't do without."""
TAKEN: Final[Mapping[Kind, tuple[str, ...]]] = {
    "embedded": (),
    "remote": ("url", "token"),
    "prometheus": ("url", "token", "username", "password", "tenant"),
    "datadog": ("api_key", "app_key", "site", "resolution"),
}
"""What each kind has a use for."""


class BackendOptions(BaseModel):
    """Where the numbers are that rules are about."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    kind: Kind = "embedded"
    """`embedded`: the store of this service; `remote`: that of another one, by its console; `prometheus`: Prometheus,
    Mimir, Thanos, VictoriaMetrics or Grafana Cloud; `datadog`."""
    url: Annotated[str, AfterValidator(without_password)] | None = Field(default=None, pattern="^https?://")
    """Of `remote` the console's address, of `prometheus` that below which `/api/v1/query` is."""
    token_file: Path | None = None
    """A file with the token and nothing else, in place of `token`."""
    token: TokenOrFile = Field(default=None, validate_default=True)
    """Of `remote` the console's token, of `prometheus` a bearer token."""
    username: str | None = None
    """Of `prometheus` a user's name, with `password`."""
    password: SecretStr | None = None
    """Of `prometheus` the password of `username`."""
    tenant: str | None = None
    """Of `prometheus` the tenant (`X-Scope-OrgID`)."""
    api_key: SecretStr | None = None
    """Of `datadog` the API key."""
    app_key: SecretStr | None = None
    """Of `datadog` an application key with the scope `timeseries_query`."""
    site: str | None = Field(default=None, pattern=r"^[a-z0-9.-]+$")
    """Of `datadog` the site, as `datadoghq.eu`."""
    resolution: int | None = Field(default=None, ge=1)
    """Of `datadog` the seconds within which every process reports: the services' export interval (60 s by
    OpenTelemetry's default), rounded up to Datadog's 10 s, which is the default here."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name in NEEDED.get(self.kind, ()):
            if getattr(self, name) is None:
                raise ValueError(f"`{name}` too for the kind {self.kind}")
        for name in sorted({name for taken in TAKEN.values() for name in taken}):
            if getattr(self, name) is not None and name not in TAKEN[self.kind]:
                raise ValueError(f"no `{name}` for the kind {self.kind}")
        if (self.username is None) != (self.password is None):
            raise ValueError("`username` and `password` together, or none of them")
        return self


@contextlib.asynccontextmanager
async def chosen(options: BackendOptions) -> AsyncIterator[Metrics]:
    """Yield the backend that `options` name; nothing is asked yet, so it need not be there.

    Raises `ConfigurationError` for the kind `embedded`, which only the process that receives can be asked, and
    `MissingExtraError`.
    """
    if options.kind == "remote":
        client = JsonClient(_given(options.url, "url"), name="The console", access=Access(bearer=_plain(options.token)))
        async with RemoteBackend(client, About(capabilities=Capabilities(metrics=True))) as remote:
            yield remote
    elif options.kind == "prometheus":
        password = _plain(options.password)
        basic = (options.username, password) if options.username is not None and password is not None else None
        access = Access(bearer=_plain(options.token), basic=basic, tenant=options.tenant)
        prometheus = PrometheusMetrics(_given(options.url, "url"), access=access)
        async with contextlib.aclosing(prometheus):
            yield prometheus
    elif options.kind == "datadog":
        given = options.model_dump(include={"site", "resolution"}, exclude_none=True)
        api_key, app_key = _given(options.api_key, "api_key"), _given(options.app_key, "app_key")
        yield DatadogMetrics(DatadogOptions(api_key=api_key, app_key=app_key, **given))
    else:
        refuse_embedded(options)


def refuse_embedded(options: BackendOptions) -> None:
    """Raise `ConfigurationError` where the store of this service is asked for, for one that has none."""
    if options.kind == "embedded":
        raise ConfigurationError(
            "backend.kind",
            options.kind,
            "remote, with the console's address as backend.url (or prometheus, or datadog), for `serve --only alerts`:"
            " a store is read by the service that receives into it and by no other",
        )


def _given(value: T | None, name: str) -> T:
    if value is None:
        raise ConfigurationError(f"backend.{name}", None, "one, for this kind of backend")
    return value


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None

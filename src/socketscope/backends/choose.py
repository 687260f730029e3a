"""Which backend is asked where it is not the store of this very service: options, and what is made of them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator

from socketscope.backends.base import Capabilities, Metrics
from socketscope.backends.datadog import DatadogMetrics, DatadogOptions
from socketscope.backends.http import Access, JsonClient
from socketscope.backends.prometheus import PrometheusMetrics
from socketscope.backends.remote import RemoteBackend
from socketscope.backends.wire import About
from socketscope.errors import ConfigurationError

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
    url: str | None = Field(default=None, pattern="^https?://")
    """Of `remote` the console's address, of `prometheus` that below which `/api/v1/query` is."""
    token_file: Path | None = None
    """A file with the token and nothing else, in place of `token`."""
    token: SecretStr | None = Field(default=None, validate_default=True)
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

    @field_validator("token", mode="before")
    @classmethod
    def _from_file(cls, value: Any, info: ValidationInfo) -> Any:
        file = info.data.get("token_file")
        if file is None:
            return value
        if value is not None:
            raise ValueError("either `token` or `token_file`, not both")
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"the token in the file {file}, which can't be read ({error})") from error

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
        assert options.url is not None  # noqa: S101 - it is needed
        client = JsonClient(options.url, name="The console", access=Access(bearer=_plain(options.token)))
        async with RemoteBackend(client, About(capabilities=Capabilities(metrics=True))) as remote:
            yield remote
    elif options.kind == "prometheus":
        assert options.url is not None  # noqa: S101 - as above
        password = _plain(options.password)
        basic = (options.username, password) if options.username is not None and password is not None else None
        access = Access(bearer=_plain(options.token), basic=basic, tenant=options.tenant)
        prometheus = PrometheusMetrics(options.url, access=access)
        async with contextlib.aclosing(prometheus):
            yield prometheus
    elif options.kind == "datadog":
        assert options.api_key is not None  # noqa: S101 - as above
        assert options.app_key is not None  # noqa: S101 - as above
        given = options.model_dump(include={"site", "resolution"}, exclude_none=True)
        yield DatadogMetrics(DatadogOptions(api_key=options.api_key, app_key=options.app_key, **given))
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


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None

"""Asking over HTTP: who asks, and JSON answers. The one place that knows the HTTP client."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import httpx2

from socketscope.addresses import is_loopback
from socketscope.errors import BackendError, BackendStatusError, ConfigurationError

TIMEOUT: Final = 30.0
"""Seconds for a whole answer."""
MOST_BYTES: Final = 256 << 20
"""Greatest answer that is read as JSON."""
_SHOWN: Final = 300
_USERINFO: Final = re.compile(r"(?<=://)[^/?#\s]*@")

Parameters = Mapping[str, str | int | float | Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a backend lets us in. What is secret is in no `repr`. Raises `ConfigurationError` for a contradiction.

    `basic` is user and password. `tenant` goes into the header `tenant_header` (Mimir, Tempo, Thanos, VictoriaMetrics
    behind a gateway); `headers` are sent as they are.
    """

    bearer: str | None = field(default=None, repr=False)
    basic: tuple[str, str] | None = field(default=None, repr=False)
    tenant: str | None = None
    tenant_header: str = "X-Scope-OrgID"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.bearer and self.basic:
            raise ConfigurationError("access", "bearer and basic", "one of them")
        for name, value in self.to_headers().items():
            if not (value.isascii() and value.isprintable()):
                raise ConfigurationError(f"{name} header", "(hidden)", "visible ASCII characters alone")

    def to_headers(self) -> dict[str, str]:
        """Return the headers of every request."""
        headers = dict(self.headers)
        if self.bearer:
            headers["Authorization"] = f"Bearer {self.bearer}"
        if self.basic:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(self.basic).encode()).decode("ascii")
        if self.tenant:
            headers[self.tenant_header] = self.tenant
        return headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for a request: the names of `headers` are in lower case, `body` is unpacked."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the body's JSON; raises `ValueError` where it is none."""
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """What the body says of an error, in one line of at most a few hundred characters."""
        return _reason(self.body.decode("utf-8", "replace"))


class JsonClient:
    """Asks the backend called `name` below `url`, and reads JSON.

    Every method raises `BackendError` when there is no answer within `timeout` seconds or none that is JSON, and
    `BackendStatusError` for a status other than 2xx. Redirects are not followed: they could carry a secret elsewhere.
    `tls` decides whose certificates are trusted. Raises `ConfigurationError` for a `url` that is none. Use it in one
    event loop; close it with `aclose`, or enter it.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        access: Access | None = None,
        timeout: float = TIMEOUT,
        tls: ssl.SSLContext | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        parsed = parse(url)
        self.name = name
        self._timeout = timeout
        self.url = str(parsed.copy_with(username=None, password=None)).rstrip("/")
        self._client = httpx2.AsyncClient(
            base_url=url.rstrip("/") + "/",
            headers={"Accept": "application/json", **(access or Access()).to_headers()},
            timeout=timeout,
            transport=transport,
            verify=True if tls is None else tls,
            # A proxy of the environment knows nothing of what listens here.
            trust_env=not is_loopback(parsed.host),
        )

    async def get(self, path: str, parameters: Parameters | None = None) -> Any:
        """GET `path` (below the client's URL) and return the answer's JSON."""
        return await self._ask("GET", path, params=parameters)

    async def post(self, path: str, *, json: Any = None, form: Parameters | None = None) -> Any:
        """POST `json`, or a `form`, to `path` and return the answer's JSON."""
        return await self._ask("POST", path, json=json, data=form)

    async def exchange(self, method: str, path: str, *, most: int | None = None, **request: Any) -> Answer:
        """Send a request (`json`, `data`, `content`, `headers`, `params`) and return the answer, whatever its status.

        `path` is below the client's URL, or a whole address. Reads about `most` bytes of the answer at the most.
        Raises `BackendError` when there is none in time.
        """
        path = path.lstrip("/")
        shown = path if "://" in path else f"{self.url}/{path}"
        body = bytearray()
        try:
            # The client's own timeout is between two pieces of an answer.
            async with asyncio.timeout(self._timeout), self._client.stream(method, path, **request) as answer:
                async for part in answer.aiter_bytes():
                    body += part
                    if most is not None and len(body) >= most:
                        break
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise BackendError(f"{self.name} did not answer {shown} in time ({type(error).__name__})") from error
        except httpx2.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise BackendError(f"{self.name} could not be asked at {shown}: {reason}") from error
        return Answer(status=answer.status_code, headers=dict(answer.headers), body=bytes(body))

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _ask(self, method: str, path: str, **request: Any) -> Any:
        shown = f"{self.url}/{path.lstrip('/')}"
        answer = await self.exchange(method, path, most=MOST_BYTES + 1, **request)
        if len(answer.body) > MOST_BYTES:
            raise BackendError(f"{self.name} answered {shown} with more than {MOST_BYTES >> 20} MiB: ask for less")
        if not answer.is_success:
            elsewhere = answer.headers.get("location", "").partition("?")[0]
            reason = f"it redirects to {elsewhere}, which is not followed; give its address" if elsewhere else ""
            raise BackendStatusError(self.name, shown, answer.status, reason or answer.reason)
        try:
            return answer.json()
        except ValueError as error:
            kind = answer.headers.get("content-type", "something that has no type")
            raise BackendError(f"{self.name} answered {shown} with {kind} where JSON is expected") from error


class OverHttp:
    """A backend that is asked through one client; close it with `aclose`, or enter it."""

    def __init__(self, client: JsonClient) -> None:
        self._client = client

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def parse(url: str) -> httpx2.URL:
    """Read an http:// or https:// address; raises `ConfigurationError` for anything else."""
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, TypeError) as error:
        raise ConfigurationError("url", presentable(url), f"an http:// or https:// address ({error})") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigurationError("url", presentable(url), "an http:// or https:// address")
    return parsed


def presentable(value: Any) -> Any:
    """Return `value`; where it is an address with a name and a password in it, without these."""
    return _USERINFO.sub("(hidden)@", value) if isinstance(value, str) else value


def without_password(url: str) -> str:
    """Return `url`; raises `ValueError` where a name or a password is in it: addresses are shown and logged."""
    if presentable(url) != url:
        raise ValueError("an address without a name and a password, which have settings of their own")
    return url


def trusting(file: Path | None = None) -> ssl.SSLContext:
    """Return what trusts the certificates of `file` (PEM), by default those that are trusted anyway.

    Raises `OSError` (`ssl.SSLError` is one) for a file that can't be read.
    """
    return httpx2.create_ssl_context() if file is None else ssl.create_default_context(cafile=file)


def _reason(text: str) -> str:
    """Find the sentence in an error's body: a problem document's, Prometheus', Jaeger's, Datadog's, or plain text."""
    text = text.strip()
    try:
        body = json.loads(text)
    except ValueError:
        body = text
    if isinstance(body, dict):
        error = body.get("error")
        errors = body.get("errors")
        body = (
            body.get("detail")
            or (error.get("message") if isinstance(error, dict) else error)
            or ("; ".join(map(_message, errors)) if isinstance(errors, list) else errors)
            or body.get("message")
            or text
        )
    return " ".join(str(body).split())[:_SHOWN]


def _message(error: Any) -> str:
    return str(error.get("msg") or error.get("detail") or error) if isinstance(error, dict) else str(error)

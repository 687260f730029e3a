"""Another console as a backend: `Metrics`, `Connections` and `Traces` over its HTTP API."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, Self, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from socketscope.backends import wire
from socketscope.backends.base import (
    Capabilities,
    ConnectionPage,
    ConnectionSummary,
    Instance,
    Sample,
    Series,
    Timeline,
)
from socketscope.backends.exports import Exports
from socketscope.backends.http import Access, JsonClient, OverHttp, Parameters
from socketscope.backends.ledger import ConnectionLedger
from socketscope.backends.links import PLACEHOLDER
from socketscope.backends.timeline import checked_id
from socketscope.errors import BackendError, BackendStatusError, QueryError
from socketscope.query.model import Query, Ratio

T = TypeVar("T")
_Question = TypeVar("_Question", bound=BaseModel)

_ABOUT: Final = TypeAdapter(wire.About)
_SAMPLES: Final = TypeAdapter(wire.Samples)
_LINES: Final = TypeAdapter(wire.Lines)
_INSTANCES: Final = TypeAdapter(wire.Instances)
_PEAK: Final = TypeAdapter(wire.Peak)
_EXPORTS: Final = TypeAdapter(wire.ExportsAnswer)
_LEDGER: Final = TypeAdapter(ConnectionLedger)
_PAGE: Final = TypeAdapter(ConnectionPage)
_SUMMARY: Final = TypeAdapter(ConnectionSummary)
_TIMELINE: Final = TypeAdapter(Timeline)


class RemoteBackend(OverHttp):
    """A console's backend, with what it is capable of. Made by `connect`; close it, or use it as an async context.

    Every question raises `BackendError` when the console can't be asked, and `QueryError` for what it refuses.
    """

    def __init__(self, client: JsonClient, about: wire.About) -> None:
        super().__init__(client)
        self.capabilities: Capabilities = about.capabilities
        self._trace_link = about.trace_link

    @classmethod
    async def connect(cls, url: str, *, token: str | None = None) -> Self:
        """Ask the console at `url` what it is capable of. `token` is its `console.token`, where it has one."""
        client = JsonClient(url, name="The console", access=Access(bearer=token))
        try:
            about = await _get(client, _ABOUT, "backend")
        except BaseException:
            await client.aclose()
            raise
        return cls(client, about)

    async def instant(self, query: Query | Ratio, *, at: float) -> Sequence[Sample]:
        """Answer `query` with the window that ends at `at`; see `Metrics.instant`."""
        question = _asked(wire.InstantQuestion, query=query, at=at)
        return (await self._post(_SAMPLES, "query/instant", question)).samples

    async def range(self, query: Query | Ratio, *, start: float, end: float, step: float) -> Sequence[Series]:
        """Answer `query` at `start, start + step, ...` up to `end`; see `Metrics.range`."""
        question = _asked(wire.RangeQuestion, query=query, start=start, end=end, step=step)
        return (await self._post(_LINES, "query/range", question)).series

    async def instances(self, *, since: float, until: float) -> Sequence[Instance]:
        """List the processes that reported in `[since, until]`."""
        return (await self._get(_INSTANCES, "instances", {"since": since, "until": until})).instances

    async def peak(self, metric: str, since: float, until: float) -> float | None:
        """Find the greatest sum of `metric` over all live instances in `[since, until]`; see `Metrics.peak`."""
        return (await self._get(_PEAK, "peak", {"metric": metric, "since": since, "until": until})).peak

    async def exports(self, *, since: float, until: float) -> Exports | None:
        """Tell which exports in `(since, until]` came, and which did not; see `Metrics.exports`."""
        return (await self._get(_EXPORTS, "exports", {"since": since, "until": until})).exports

    async def open(self, *, at: float, limit: int, offset: int) -> ConnectionPage:
        """One page of the connections that are open at `at`."""
        return await self._get(_PAGE, "connections/open", {"at": at, "limit": limit, "offset": offset})

    async def summary(self, *, since: float, until: float) -> ConnectionSummary:
        """All connections with an event in `[since, until]`."""
        return await self._get(_SUMMARY, "connections/summary", {"since": since, "until": until})

    async def ledger(self, *, since: float, until: float, step: float, top: int) -> ConnectionLedger:
        """Account for the connections of `[since, until)`; see `Connections.ledger`."""
        return await self._get(
            _LEDGER, "connections/ledger", {"since": since, "until": until, "step": step, "top": top}
        )

    async def timeline(
        self, connection_id: str, *, since: float, until: float, service: str | None = None
    ) -> Timeline | None:
        """Find the spans of a connection that was active in `[since, until]`; see `Traces.timeline`."""
        period: dict[str, str | float] = {"since": since, "until": until}
        if service:
            period["service"] = service
        try:
            return await self._get(_TIMELINE, f"traces/{checked_id(connection_id)}", period)
        except BackendStatusError as error:
            if error.status == 404:
                return None
            raise

    def link(self, trace_id: str) -> str | None:
        """Give the address of a page that shows a trace, where the console knows one."""
        return self._trace_link.replace(PLACEHOLDER, trace_id) if self._trace_link else None

    async def _get(self, shape: TypeAdapter[T], path: str, parameters: Parameters) -> T:
        return await _get(self._client, shape, path, parameters)

    async def _post(self, shape: TypeAdapter[T], path: str, question: BaseModel) -> T:
        with _refusals():
            answer = await self._client.post(f"{wire.PREFIX}/{path}", json=question.model_dump(mode="json"))
        return _read(shape, answer, self._client)


def _asked(kind: type[_Question], **fields: Any) -> _Question:
    """Make a question; what is wrong with it is said before it travels. Raises `QueryError`."""
    try:
        return kind(**fields)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, part['loc']))}={part['input']!r}: {part['msg']}" for part in error.errors()
        )
        raise QueryError(wrong) from error


async def _get(client: JsonClient, shape: TypeAdapter[T], path: str, parameters: Parameters | None = None) -> T:
    with _refusals():
        answer = await client.get(f"{wire.PREFIX}/{path}", parameters)
    return _read(shape, answer, client)


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except BackendStatusError as error:
        if error.status == 422:
            raise QueryError(error.detail) from error
        if error.status == 401:
            raise BackendError(
                f"{str(error).rstrip('.')}. Give the console's token (its setting `console.token`)"
            ) from error
        raise


def _read(shape: TypeAdapter[T], answer: Any, client: JsonClient) -> T:
    try:
        return shape.validate_python(answer)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BackendError(
            f"{client.name} at {client.url} gave an answer that can't be read ({where}: {first['msg']}); "
            "is it of another version?"
        ) from error

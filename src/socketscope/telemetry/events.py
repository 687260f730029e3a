"""The exact ledger of connections: log records with an event name, unsampled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry._logs import LoggerProvider, SeverityNumber, get_logger
from opentelemetry.context import Context

from socketscope import __version__, semconv
from socketscope.telemetry.accumulators import Attributes
from socketscope.telemetry.record import ConnectionRecord, error_type, identity_attributes

QUIET = 1_000_000_000
"""Nanoseconds without an error after which a storm of them is over, and what of it had no record is told."""


class RateLimit:
    """A bucket of `burst` tokens that refills at `per_second`: an error storm must not become a log storm."""

    def __init__(self, monotonic: Callable[[], int], *, per_second: float = 5.0, burst: int = 20) -> None:
        self._monotonic = monotonic
        self._per_ns = per_second / 1e9
        self._burst = burst
        self._tokens = float(burst)
        self._at = monotonic()

    def take(self) -> bool:
        """Take a token if there is one."""
        now = self._monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_ns)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Events:
    """Emits the events of connections, on `provider` or the global one."""

    def __init__(
        self,
        monotonic: Callable[[], int],
        *,
        user_key_id: str = "",
        with_user_id: bool = False,
        provider: LoggerProvider | None = None,
    ) -> None:
        self._logger = get_logger(semconv.SCOPE, __version__, provider, schema_url=semconv.SCHEMA_URL)
        self._user_key_id = user_key_id
        self._with_user_id = with_user_id
        self._monotonic = monotonic
        self._errors = RateLimit(monotonic)
        self._suppressed = 0
        self._suppressed_at = 0

    @property
    def on(self) -> bool:
        """Whether there is anybody who takes log records."""
        return self._logger.enabled(severity_number=SeverityNumber.INFO)

    def opened(self, context: Context | None, record: ConnectionRecord, who: Attributes) -> None:
        """Tell of an accepted handshake. `who` is `identity_attributes(record)`, here and below."""
        self._emit(semconv.OPENED, context, self._who(record, who), wall=record.accepted_wall)

    def progress(
        self, context: Context | None, record: ConnectionRecord, who: Attributes, life: Attributes, *, wall: int
    ) -> None:
        """Tell what a connection did so far, at the end of a segment. `life` is `life_attributes(record)`."""
        attributes = {**self._who(record, who), **life}
        attributes[semconv.DURATION.name] = (wall - record.accepted_wall) / 1e9
        self._emit(semconv.PROGRESS, context, attributes, wall=wall)
        self._tell_after_a_storm(wall)

    def closed(
        self,
        context: Context | None,
        record: ConnectionRecord,
        who: Attributes,
        life: Attributes,
        *,
        wall: int,
        duration: float,
    ) -> None:
        """Tell how a connection ended; `duration` in seconds, of the monotonic clock, `life` as in `progress`."""
        attributes = {**self._who(record, who), **life}
        attributes[semconv.DURATION.name] = duration
        self._emit(semconv.CLOSED, context, attributes, wall=wall)
        self._tell_after_a_storm(wall)

    def error(self, context: Context | None, record: ConnectionRecord, exception: BaseException, *, wall: int) -> None:
        """Tell of an exception of a handler; beyond the rate it is counted, and told with the next or afterwards."""
        if not self._errors.take():
            self._suppressed += 1
            self._suppressed_at = self._monotonic()
            return
        attributes: dict[str, Any] = self._who(record, identity_attributes(record)) | {
            semconv.ERROR_TYPE.name: error_type(exception),
            semconv.SUPPRESSED.name: self._suppressed,
        }
        self._suppressed = 0
        self._logger.emit(
            timestamp=wall,
            context=context,
            severity_number=SeverityNumber.ERROR,
            severity_text="ERROR",
            event_name=semconv.ERROR.name,
            body=f"{type(exception).__qualname__} in the handler of {record.route}",
            attributes=attributes,
            exception=exception,
        )

    def tell_suppressed(self, *, wall: int) -> None:
        """Tell how many errors had no record, if there are any and no later record has said so."""
        if not self._suppressed:
            return
        suppressed, self._suppressed = self._suppressed, 0
        self._logger.emit(
            timestamp=wall,
            context=Context(),
            severity_number=SeverityNumber.WARN,
            severity_text="WARN",
            event_name=semconv.ERRORS_SUPPRESSED.name,
            body=f"{suppressed} errors were counted and not recorded: there were too many at once",
            attributes={semconv.SUPPRESSED.name: suppressed},
        )

    def _tell_after_a_storm(self, wall: int) -> None:
        if self._suppressed and self._monotonic() - self._suppressed_at > QUIET:
            self.tell_suppressed(wall=wall)

    def _emit(self, event: semconv.Event, context: Context | None, attributes: Mapping[str, Any], *, wall: int) -> None:
        self._logger.emit(
            timestamp=wall,
            context=context,
            severity_number=SeverityNumber.INFO,
            severity_text="INFO",
            event_name=event.name,
            attributes=attributes,
        )

    def _who(self, record: ConnectionRecord, who: Attributes) -> dict[str, Any]:
        attributes: dict[str, Any] = dict(who)
        if channels := record.been_in:
            attributes[semconv.CHANNELS.name] = channels
        if record.user_hash:
            attributes[semconv.USER_KEY_ID.name] = self._user_key_id
        if record.user and self._with_user_id:
            attributes[semconv.USER_ID.name] = record.user
        return attributes

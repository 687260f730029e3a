"""Histograms through a provider that somebody else set up: its readers are given ours with what was collected.

The SDK has no public way to it (docs/decisions/0002). Where the private names below are not what they were, nothing is
touched, and counts and sums leave alone: never a wrong histogram.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.sdk.metrics import Histogram as HistogramInstrument
from opentelemetry.sdk.metrics.export import MetricsData

from socketscope.telemetry.appender import HistogramAppender, with_metrics
from socketscope.telemetry.process import Telemetry
from socketscope.telemetry.sdk import HistogramExporter

_logger = logging.getLogger(__name__)

_READ_BY: Final = "_socketscope"
"""Attribute of the readers that export our histograms."""

_RECEIVE: Final = "_receive_metrics"
"""The method by which a reader is given what was collected."""

_TEMPORALITY: Final = "_instrument_class_temporality"
_AGGREGATION: Final = "_instrument_class_aggregation"
"""What a reader wants for each kind of instrument."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way out of a provider: `name` is the class of the exporter, or of a reader that has none.

    `will_have`: histograms do not leave by it yet, but will once measuring has begun.
    """

    name: str
    with_histograms: bool
    will_have: bool = False


def ways_out(provider: object) -> list[Way]:
    """Tell for each reader of `provider` whether histograms leave through it."""
    ways = []
    for reader in _readers(provider):
        exporter = getattr(reader, "_exporter", None)
        inner = exporter.inner if isinstance(exporter, HistogramExporter) else exporter
        has = _has_histograms(reader)
        can_have = all(hasattr(reader, name) for name in (_RECEIVE, _TEMPORALITY, _AGGREGATION))
        ways.append(Way(type(inner or reader).__name__, has, will_have=can_have and not has))
    return ways


def append_to_readers(provider: object, telemetry: Telemetry) -> None:
    """Let every reader of a user's own `provider` export our histograms, each with its own temporality; once each.

    It may be called again: readers may be added. The SDK has no public way to add what is aggregated already, so what
    a reader passes on is taken in between (`MetricReader._receive_metrics`, abstract and the same since SDK 1.12).
    Where it is not as expected, no histogram is exported, and it is logged once.
    """
    config = getattr(provider, "_sdk_config", None)
    for reader in _readers(provider):
        if _has_histograms(reader) or _READ_BY in vars(reader):
            continue
        vars(reader)[_READ_BY] = True
        try:
            appender = HistogramAppender(
                telemetry,
                _of_histograms(reader, _TEMPORALITY),
                _of_histograms(reader, _AGGREGATION),
                getattr(config, "exemplar_filter", None),
            )
            vars(reader)[_RECEIVE] = _appending(getattr(reader, _RECEIVE), appender)
        except (AttributeError, StopIteration):
            _logger.warning("histograms can't be exported by %r: this version of the SDK is unknown", reader)


def _of_histograms(reader: object, preference: str) -> Any:
    by_instrument: Mapping[type, Any] = getattr(reader, preference)
    return next(value for kind, value in by_instrument.items() if issubclass(kind, HistogramInstrument))


def _appending(receive: Callable[..., None], appender: HistogramAppender) -> Callable[..., None]:
    def receive_metrics(metrics_data: MetricsData, *args: Any, **kwargs: Any) -> None:
        try:
            metrics_data = with_metrics(metrics_data, appender.metrics())
        except Exception:  # whatever fails in ours: theirs are exported, and the reader's thread lives on
            _logger.exception("histograms could not be exported")
        receive(metrics_data, *args, **kwargs)

    return receive_metrics


def _readers(provider: object) -> Iterator[Any]:
    at_first = getattr(provider, "_metric_readers", ())
    by_now = getattr(getattr(provider, "_measurement_consumer", None), "_reader_storages", ())
    yield from dict.fromkeys((*at_first, *by_now))


def _has_histograms(reader: Any) -> bool:
    return _RECEIVE in vars(reader) or isinstance(getattr(reader, "_exporter", None), HistogramExporter)

"""Histograms through a provider that somebody else set up: the exporters of its readers are wrapped where they stand.

The SDK has no public way to it (docs/decisions/0002). The names below are private ones of opentelemetry-sdk 1.45; where
they are not what they were nothing is touched, and counts and sums leave alone: never a wrong histogram.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader

from socketscope.telemetry.process import Telemetry
from socketscope.telemetry.sdk import HistogramExporter


@dataclass(frozen=True, slots=True)
class Way:
    """One way out of a provider: `name` is the class of the exporter, or of a reader that has none that we know.

    Where histograms do not leave by it, `will_have` says whether they do once measuring has begun.
    """

    name: str
    with_histograms: bool
    will_have: bool = False


def wrap_exporters(provider: object, telemetry: Telemetry) -> None:
    """Let the histograms of `telemetry` leave with all that the readers of `provider` export."""
    for reader, exporter in _exporting(provider):
        if not isinstance(exporter, HistogramExporter):
            reader._exporter = HistogramExporter(exporter, telemetry)  # noqa: SLF001


def ways_out(provider: object) -> list[Way]:
    """Tell for each reader of `provider` whether histograms leave through it."""
    exporting = dict(_exporting(provider))
    ways = []
    for reader in _readers(provider):
        exporter = exporting.get(reader)
        inner = exporter.inner if isinstance(exporter, HistogramExporter) else exporter
        has = isinstance(exporter, HistogramExporter)
        ways.append(Way(type(inner or reader).__name__, has, will_have=exporter is not None and not has))
    return ways


def _readers(provider: object) -> tuple[Any, ...]:
    return tuple(getattr(provider, "_metric_readers", ()))


def _exporting(provider: object) -> Iterator[tuple[Any, MetricExporter]]:
    for reader in _readers(provider):
        exporter = getattr(reader, "_exporter", None)
        if isinstance(reader, PeriodicExportingMetricReader) and isinstance(exporter, MetricExporter):
            yield reader, exporter

"""What our metrics and attributes are called in a backend that speaks PromQL.

Prometheus, Mimir, Thanos and Grafana Cloud translate OpenTelemetry's names by one of four strategies (otlptranslator);
VictoriaMetrics leaves them alone. Which one is in force is not guessed: what a server lists is compared with what each
strategy would make of a name, and found names are pinned. Pure: asking the server is the backend's part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal, get_args

from socketscope import semconv
from socketscope.errors import QueryError

Strategy = Literal[
    "UnderscoreEscapingWithSuffixes",
    "UnderscoreEscapingWithoutSuffixes",
    "NoUTF8EscapingWithSuffixes",
    "NoTranslation",
]
"""Prometheus' `otlp.translation_strategy`; the first one is its default."""
STRATEGIES: Final[tuple[Strategy, ...]] = get_args(Strategy)

HistogramForm = Literal["classic", "native"]

KNOWN: Final[Mapping[str, semconv.Metric]] = {
    metric.name: metric
    for metric in (*semconv.METRICS, semconv.SYSTEM_CPU, semconv.SYSTEM_MEMORY, semconv.PROCESS_THREADS)
}
"""Metrics whose unit and kind are known, and so exactly what a strategy makes of them."""

SERVICE_NAME: Final = "service.name"
INSTANCE_ID: Final = "service.instance.id"

_UNITS: Final = {
    "": "", "1": "", "%": "percent", "s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds",
    "min": "minutes", "h": "hours", "d": "days", "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes",
    "GiBy": "gibibytes", "TiBy": "tibibytes", "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes",
    "TBy": "terabytes", "Hz": "hertz", "Cel": "celsius", "V": "volts", "A": "amperes", "J": "joules", "W": "watts",
    "m": "meters", "g": "grams",
}  # fmt: skip
_PER: Final = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}
_KINDS: Final = get_args(semconv.Kind)
_PLAIN_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
# Resource attributes that every Prometheus has under names of its own, promoted or not.
_ALWAYS: Final = {INSTANCE_ID: "instance", SERVICE_NAME: "job"}


@dataclass(frozen=True, slots=True)
class Found:
    """A metric's name in the backend; of a histogram the family's name (`_bucket` and `_count` are `classic`'s)."""

    name: str
    histogram: HistogramForm | None = None


@dataclass(frozen=True, slots=True)
class Naming:
    """Names that are pinned: of metrics by their OpenTelemetry name (None: looked for and not found), of labels.

    `escaped` says what becomes of an attribute that no series has had yet.
    """

    metrics: Mapping[str, Found | None]
    labels: Mapping[str, str]
    escaped: bool

    @classmethod
    def of(cls, strategy: Strategy, *, histograms: HistogramForm = "classic") -> Naming:
        """Say what the rules of a strategy make of our metrics, without asking anybody."""
        metrics = {
            name: Found(metric_name(metric, strategy), histograms if metric.kind == "histogram" else None)
            for name, metric in KNOWN.items()
        }
        return cls(metrics, {}, is_escaping(strategy))

    def metric(self, name: str) -> Found | None:
        """Give what a metric is called; None where it was not found."""
        return self.metrics.get(name)

    def label(self, attribute: str) -> str:
        """Give the label of an attribute. Raises `QueryError` for an empty name."""
        if not attribute:
            raise QueryError("an attribute needs a name")
        return self.labels.get(attribute) or (escaped_label(attribute) if self.escaped else attribute)

    def with_what(self, found: Naming) -> Naming:
        """Keep what is pinned, and add what was found since."""
        pinned = {name: entry for name, entry in self.metrics.items() if entry}
        labels = {**found.labels, **self.labels} if pinned else found.labels
        return Naming({**found.metrics, **pinned}, labels, self.escaped if pinned else found.escaped)

    def report(self) -> list[str]:
        """Give a line for every metric that was looked for: what it is called, or that it was not found."""
        lines = []
        for name, found in self.metrics.items():
            form = f" ({found.histogram} histogram)" if found and found.histogram else ""
            lines.append(f"{name}: {found.name}{form}" if found else f"{name}: not found")
        return lines


def find(names: Iterable[str], labels: Iterable[str], *, wanted: Iterable[str] = tuple(KNOWN)) -> Naming:
    """Pin what `wanted` metrics are called, given the names of metrics and labels that a server lists.

    Where a histogram is there in both forms, the native one is taken.
    """
    listed, known_labels = frozenset(names), frozenset(labels)
    metrics = {name: _find(name, listed) for name in wanted}
    found = [entry.name for entry in metrics.values() if entry]
    escaped = not any("." in name for name in found) if found else not any("." in label for label in known_labels)
    pinned = {label: label for label in known_labels if "." in label}
    pinned |= {
        attribute: label
        for attribute, label in _ALWAYS.items()
        if label in known_labels and not {attribute, escaped_label(attribute)} & known_labels
    }
    return Naming(metrics, pinned, escaped)


def listing_pattern(wanted: Iterable[str]) -> str:
    """Give a regular expression (RE2, anchored) that matches every name that a strategy may make of `wanted`."""
    gap = r"[^a-zA-Z0-9:]+(?:(?:total|ratio)[^a-zA-Z0-9:]+)?"
    words = ([word for word in _words(name) if word not in {"total", "ratio"}] for name in wanted)
    return f"[^a-zA-Z0-9:]*(?:{'|'.join(gap.join(name) for name in words)})(?:[^a-zA-Z0-9:].*)?"


def metric_name(metric: semconv.Metric, strategy: Strategy) -> str:
    """Translate the name of a metric, as otlptranslator does."""
    return _translate(metric.name, metric.unit, metric.kind, strategy)


def escaped_label(attribute: str) -> str:
    """Translate the name of an attribute where names are escaped: what is no letter or digit becomes `_`."""
    label = re.sub(r"[^a-zA-Z0-9]+", "_", attribute)
    return f"key_{label}" if label[:1].isdigit() else label


def is_escaping(strategy: Strategy) -> bool:
    """Whether dots become underscores."""
    return strategy.startswith("UnderscoreEscaping")


def quoted_label(label: str) -> str:
    """Write a label's name so that PromQL takes it: in quotes where it is more than letters, digits and `_`."""
    return label if _PLAIN_LABEL.fullmatch(label) else quoted(label)


_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\x00"}


def quoted(text: str) -> str:
    """Write `text` as a string of PromQL."""
    return '"' + "".join(_ESCAPES.get(character, character) for character in text) + '"'


def _find(name: str, listed: frozenset[str]) -> Found | None:
    known = KNOWN.get(name)
    units = (known.unit,) if known else _UNITS
    kinds: Iterable[semconv.Kind] = (known.kind,) if known else _KINDS
    for unit, kind, strategy in product(units, kinds, STRATEGIES):
        candidate = _translate(name, unit, kind, strategy)
        if candidate in listed:
            return Found(candidate, "native" if kind == "histogram" and known else None)
        if kind == "histogram" and f"{candidate}_bucket" in listed:
            return Found(candidate, "classic")
    return None


def _translate(name: str, unit: str, kind: semconv.Kind, strategy: Strategy) -> str:
    if strategy == "NoTranslation":
        return name
    if strategy == "UnderscoreEscapingWithoutSuffixes":
        translated = "_".join(filter(None, re.split(r"[^a-zA-Z0-9:_]+", name)))
    elif is_escaping(strategy):
        translated = "_".join(_suffixed_words(_words(name), unit, kind))
    else:
        translated = _suffixed_text(name, unit, kind)
    return f"_{translated}" if is_escaping(strategy) and translated[:1].isdigit() else translated


def _words(name: str) -> list[str]:
    return re.findall(r"[a-zA-Z0-9:]+", name)


def _suffixed_words(words: list[str], unit: str, kind: semconv.Kind) -> list[str]:
    # A unit is left out where its word is anywhere in the name.
    units = (re.sub(r"[^a-zA-Z0-9:]+", "_", word).strip("_") for word in _unit_words(unit))
    words = words + [word for word in units if word and word not in words]
    for last in _last_words(unit, kind):
        words = [*(word for word in words if word != last), last]
    return words


def _suffixed_text(name: str, unit: str, kind: semconv.Kind) -> str:
    main, per = _unit_words(unit)
    last = [*filter(None, [per]), *_last_words(unit, kind)]
    for word in reversed(last):
        if name.endswith(word) and len(name) > len(word) + 1:
            name = name[: -len(word) - 1]
    if main and not name.endswith(main):
        name = f"{name}_{main}"
    return "_".join([name, *last])


def _unit_words(unit: str) -> tuple[str, str]:
    """Give the words of a unit and of what it is per; empty for none, and for an annotation in braces."""
    main, _, per = (part.strip() for part in unit.partition("/"))
    return (
        "" if "{" in main else _UNITS.get(main, main),
        "" if "{" in per or not per else f"per_{_PER.get(per, per)}",
    )


def _last_words(unit: str, kind: semconv.Kind) -> Iterator[str]:
    if kind == "counter":
        yield "total"
    if kind == "gauge" and unit == "1":
        yield "ratio"

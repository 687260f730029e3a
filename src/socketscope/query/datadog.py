"""Compile a `Query` or `Ratio` to Datadog's metric queries and a formula. Pure.

Datadog keeps other things than OpenTelemetry sends: of counters the counts of each flush, of histograms distributions,
of everything else gauges; names stay dotted and in the units that they have. It combines series before it looks over
time (space, then time), a `Query` the other way round: what is not the same both ways is refused with a `QueryError`,
as is what Datadog has no words for. (An average is the same as long as the same processes report throughout.)
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from socketscope import semconv
from socketscope.errors import QueryError
from socketscope.query.model import OverTime, Query, Ratio

RESOLUTION: Final = 10
"""Seconds of Datadog's finest stretch of time. Each process has to report in each: else give a longer one."""

Aggregator = Literal["avg", "last", "max", "min", "percentile", "sum"]
"""How Datadog reduces one line to one number."""

TAGS: Final = {
    "service.name": "service",
    "service.version": "version",
    "deployment.environment.name": "env",
    "host.name": "host",
}
"""Attribute -> Datadog's own tag for the same; all others keep their name."""

_COUNTING: Final = ("increase", "rate")
QUANTILES: Final = tuple(name for name in get_args(OverTime) if name.startswith("p"))
_KINDS: Final = {metric.name: metric.kind for metric in semconv.METRICS}
_METRIC: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,199}")
_TAG: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.\-/]{0,199}")


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """A query in Datadog's words, its name in the formula, and how its line becomes one number (scalar queries)."""

    name: str
    text: str
    aggregator: Aggregator


@dataclass(frozen=True, slots=True)
class DatadogQuery:
    """What is asked together: queries over the `window` seconds that end `offset` seconds before the moment.

    `sides` are the formulas of a query, or of both sides of a ratio; `formula` is all in one. `labels`: attribute ->
    tag, for each of `by`. `whole`: the window has to end with a stretch of `resolution` seconds that is complete.
    """

    queries: tuple[MetricQuery, ...]
    sides: tuple[str, ...]
    labels: Mapping[str, str]
    window: float
    offset: float
    whole: bool
    resolution: int

    @property
    def formula(self) -> str:
        """The whole answer as one formula. Where Datadog divides by 0 there is no data."""
        return " / ".join(self.sides)


def compile_query(query: Query | Ratio, *, resolution: int = RESOLUTION) -> DatadogQuery:
    """Compile. Raises a `QueryError` that says what Datadog can't express."""
    if isinstance(query, Query):
        made = _compile(query, "a", resolution)
        side = _complemented(query, _formula(query, "a"))
        return DatadogQuery((made,), (side,), _labels(query), query.window, query.offset, _whole(query), resolution)
    above, below = query.numerator, query.denominator
    if above.by != below.by:
        raise QueryError(f"a ratio by {above.by!r} and by {below.by!r}: both sides need the same attributes")
    if above.window != below.window or _whole(above) != _whole(below):
        raise QueryError(
            "Datadog can't divide what is of different windows, or a value by a count: "
            f"{above.over_time} over {above.window:g} s by {below.over_time} over {below.window:g} s"
        )
    sides = []
    offset = min(above.offset, below.offset)
    for name, part in (("a", above), ("b", below)):
        shifted = _formula(part, name)
        if part.offset > offset:
            shifted = f"timeshift({shifted}, -{_whole_seconds(part.offset - offset)})"
        sides.append(_complemented(part, shifted))
    return DatadogQuery(
        (_compile(above, "a", resolution), _compile(below, "b", resolution)),
        tuple(sides),
        _labels(above),
        above.window,
        offset,
        _whole(above),
        resolution,
    )


def tag_of(attribute: str) -> str:
    """Return the key of the tag that Datadog makes of an attribute."""
    tag = TAGS.get(attribute, attribute)
    if not _TAG.fullmatch(tag):
        raise QueryError(f"{attribute!r} can't be the key of a tag in Datadog")
    return tag.lower()


def tag_value(value: str) -> str:
    """Return what Datadog makes of an attribute's value: lower case, and `_` for all that it does not keep."""
    kept = re.sub(r"[^\w\-.:/]+", "_", value.lower())
    return re.sub(r"__+", "_", kept)[:200].rstrip("_")


def _compile(query: Query, name: str, resolution: int) -> MetricQuery:
    if not _METRIC.fullmatch(query.metric):
        raise QueryError(f"{query.metric!r} can't be the name of a metric in Datadog")
    if query.absent:
        raise QueryError("Datadog can't answer whether there is no data: its monitors notice that by themselves")
    kind = _KINDS.get(query.metric)
    space, suffix, aggregator = _ways(query, kind, resolution)
    by = f" by {{{','.join(_labels(query).values())}}}" if query.by else ""
    return MetricQuery(name, f"{space}:{query.metric}{{{_filter(query)}}}{by}{suffix}", aggregator)


Ways = tuple[str, str, Aggregator]
"""How series are combined, what follows the query, and how the line becomes a number."""


def _ways(query: Query, kind: semconv.Kind | None, resolution: int) -> Ways:
    if query.over_time in QUANTILES:
        if kind not in ("histogram", None):
            raise QueryError(f"{query.over_time} of {query.metric}: quantiles are of histograms")
        return query.over_time, "", "percentile"
    if query.over_time in _COUNTING:
        return _ways_of_counts(query, kind)
    if kind in ("counter", "histogram"):
        raise QueryError(f"{query.over_time} of {query.metric}: Datadog keeps its counts; ask for increase or rate")
    return _ways_of_values(query, resolution)


def _ways_of_counts(query: Query, kind: semconv.Kind | None) -> Ways:
    if kind in ("gauge", "up-down counter"):
        raise QueryError(
            f"{query.over_time} of {query.metric}: Datadog keeps a gauge of it, which has no {query.over_time}"
        )
    if query.across != "sum":
        raise QueryError(
            f"across={query.across!r} of {query.over_time}: Datadog combines series first, so only sum is right"
        )
    return ("count" if kind == "histogram" else "sum"), ".as_count()", "sum"


def _ways_of_values(query: Query, resolution: int) -> Ways:
    if query.across == "count":
        raise QueryError("across='count': Datadog can't count series")
    match query.over_time, query.across:
        case "last", across:
            return across, f".rollup(avg, {resolution})", "last"
        case "avg", ("sum" | "avg") as across:
            return across, f".rollup(avg, {resolution})", "avg"
        case "min", "min":
            return "min", f".rollup(min, {resolution})", "min"
        case "max", "max":
            return "max", f".rollup(max, {resolution})", "max"
    raise QueryError(
        f"over_time={query.over_time!r} across={query.across!r}: Datadog combines series first, so it would be "
        "something else; avg goes with sum and avg, min with min, max with max"
    )


def _whole(query: Query) -> bool:
    return query.over_time not in (*_COUNTING, *QUANTILES)


def _formula(query: Query, name: str) -> str:
    return f"({name} / {query.window:g})" if query.over_time == "rate" else name


def _complemented(query: Query, formula: str) -> str:
    return f"(1 - {formula})" if query.complement else formula


def _labels(query: Query) -> dict[str, str]:
    return {attribute: tag_of(attribute) for attribute in query.by}


def _filter(query: Query) -> str:
    conditions = []
    for attribute, values in query.where.items():
        if "" in values:
            raise QueryError(f"where {attribute} is empty: Datadog's tags have no empty values")
        tags = sorted({tag_value(value) for value in values})
        if not tags or not all(tags):
            raise QueryError(f"where {attribute} is {values!r}: nothing would be left of a value in Datadog's tags")
        key = tag_of(attribute)
        conditions.append(f"{key}:{tags[0]}" if len(tags) == 1 else f"{key} IN ({','.join(tags)})")
    return " AND ".join(conditions) or "*"


def _whole_seconds(seconds: float) -> int:
    if not math.isfinite(seconds) or seconds != round(seconds):
        raise QueryError(f"offsets that differ by {seconds:g} s: Datadog shifts by whole seconds")
    return round(seconds)

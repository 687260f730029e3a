"""Compile a `Query` or `Ratio` to PromQL. Pure: names come from a `Naming`, text goes out, nobody is asked.

Counts are differences of values, not Prometheus' `increase`, which extrapolates and does not see what a series was
born with (docs/decisions/0006): the newest value in the window minus the newest one before it, or minus 0 where there
is none. Equal to the unit as long as no series was reset; `resets` asks for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from socketscope.errors import QueryError
from socketscope.query.model import Across, OverTime, Query, Ratio
from socketscope.query.naming import Found, Naming, quoted, quoted_label
from socketscope.query.sql_parts import nanoseconds

BASE_SECONDS: Final = 3600.0
"""How far before its window a series' value is looked for; silent for longer, it counts as born in the window."""

QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
COUNTING: Final = frozenset({"increase", "rate", *QUANTILES})
"""What `over_time` may be that reads a counter's differences."""

_LONGEST: Final = 100 * 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class Compiled:
    """A PromQL expression, and which attribute each label of its answer stands for."""

    promql: str
    labels: Mapping[str, str]


Counting = Literal["exact", "safe", "anchored", "approximate"]


def compile_query(
    query: Query | Ratio, naming: Naming, *, exact: bool = True, counting: Counting | None = None
) -> Compiled | None:
    """Compile to one expression, for an instant as for a range; None where a metric of it was not found.

    `exact=False` writes Prometheus' own `increase` and `rate`: approximate, and right to about the export interval
    when processes restart under the same instance id. Dashboards have nobody who asks `resets`. `counting`, where it is
    given, wins, for alerting rules, which have nobody to ask either: `safe` is exact but for series that were reset in
    the window or in the hour before, and for them Prometheus' own; `anchored` is exact for them too, but for quantiles
    of native histograms, and is understood by Prometheus from 3.16 on and by nobody else.

    Of a ratio 0/0 is NaN, which is no data. Raises `QueryError` for what can't be asked.
    """
    counting = counting or ("exact" if exact else "approximate")
    if isinstance(query, Ratio):
        require_same_labels(query)
        above = compile_query(query.numerator, naming, counting=counting)
        below = compile_query(query.denominator, naming, counting=counting)
        if above is None or below is None:
            return None
        return Compiled(f"({above.promql}) / ({below.promql})", above.labels)
    found = _found(query, naming)
    if found is None:
        return Compiled("vector(1)", {}) if query.absent else None
    labels = {} if query.absent else {naming.label(attribute): attribute for attribute in query.by}
    answer = _aggregated(query, found, naming, tuple(labels), counting)
    if query.absent:
        # The quantile of nothing is NaN, which is no data and does not pass the comparison.
        answer = f"absent({answer} > -Inf)" if query.over_time in QUANTILES else f"absent({answer})"
    elif query.complement:
        answer = f"1 - ({answer})"
    return Compiled(answer, labels)


def require_same_labels(ratio: Ratio) -> None:
    """Raise `QueryError` for a ratio whose sides have different attributes."""
    above, below = (() if side.absent else side.by for side in (ratio.numerator, ratio.denominator))
    if above != below:
        raise QueryError(
            f"by={ratio.numerator.by!r} over by={ratio.denominator.by!r}: a ratio needs the same on both sides"
        )


def newest(query: Query, naming: Naming, *, deep: bool = False) -> Compiled | None:
    """Compile the time (epoch seconds) of the newest value behind each answer of `query`.

    Series that fell silent more than about five minutes before the window's end are only seen with `deep`, which looks
    at the whole window, up to a month.
    """
    found = _found(query, naming)
    if found is None:
        return None
    labels = {naming.label(attribute): attribute for attribute in query.by}
    series = selector(query, found, naming)
    if deep:
        look = duration(min(query.window, 31 * 86_400.0))
        times = f"max_over_time(timestamp({series})[{look}:{_LOOK_STEP}]{_offset(query.offset)})"
    else:
        times = f"timestamp({series}{_offset(query.offset)})"
    return Compiled(f"max{_by(tuple(labels))}({times})", labels)


_LOOK_STEP: Final = "4m"  # less than the five minutes for which a value stands, so that none is stepped over


def resets(query: Query, naming: Naming, *, back: float = 0.0) -> Compiled | None:
    """Compile the series of `query` that were reset in its window, or since the value before it.

    `back` lengthens the look into the past, by the length of a range that begins that much earlier.
    """
    found = samples(query, naming, back=back)
    return Compiled(f"resets({found.promql}) > 0", {}) if found else None


def samples(query: Query, naming: Naming, *, back: float = 0.0) -> Compiled | None:
    """Compile all samples of the series of `query` in its window, and as far before as a base is looked for."""
    found = _found(query, naming)
    if found is None:
        return None
    window = duration(query.window + BASE_SECONDS + back)
    return Compiled(f"{selector(query, found, naming)}[{window}]{_offset(query.offset)}", {})


def selector(query: Query, found: Found, naming: Naming, part: str = "_count") -> str:
    """Select the series of `query`; of a classic histogram those of the given part."""
    name = found.name + part if found.histogram == "classic" else found.name
    matchers = [f"__name__={quoted(name)}"]
    for attribute, values in query.where.items():
        label = quoted_label(naming.label(attribute))
        if not values:  # nothing matches
            matchers += [f'{label}=""', f'{label}!=""']
        elif len(values) == 1:
            matchers.append(f"{label}={quoted(values[0])}")
        else:
            matchers.append(f"{label}=~{quoted('|'.join(map(literally, values)))}")
    return "{" + ",".join(matchers) + "}"


def duration(seconds: float) -> str:
    """Write a duration; Prometheus knows milliseconds and no less."""
    milliseconds = max(round(min(seconds, _LONGEST) * 1000), 1)
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"


def _found(query: Query, naming: Naming) -> Found | None:
    if query.over_time not in get_args(OverTime):
        raise QueryError(f"over_time={query.over_time!r} is not one of {', '.join(get_args(OverTime))}")
    if query.across not in get_args(Across):
        raise QueryError(f"across={query.across!r} is not one of {', '.join(get_args(Across))}")
    nanoseconds(query.offset, "offset")
    found = naming.metric(query.metric)
    if found and query.over_time in QUANTILES and not found.histogram:
        raise QueryError(f"over_time={query.over_time!r}: {query.metric} is no histogram in this backend")
    return found


def _aggregated(query: Query, found: Found, naming: Naming, labels: tuple[str, ...], counting: Counting) -> str:
    if found.histogram == "native" and counting == "anchored":
        counting = "safe"
    if query.over_time in QUANTILES:
        fraction = QUANTILES[query.over_time]
        if found.histogram == "classic":
            grown = _grown(selector(query, found, naming, "_bucket"), query, "increase", counting)
            return f"histogram_quantile({fraction}, sum{_by(('le', *labels))}({grown}))"
        grown = _grown(selector(query, found, naming), query, "increase", counting)
        return f"histogram_quantile({fraction}, sum{_by(labels)}({grown}))"
    series = selector(query, found, naming)
    if query.over_time in COUNTING:
        reduced = _grown(series, query, query.over_time, counting)
    else:
        if found.histogram == "native" and query.over_time in {"min", "max"}:
            raise QueryError(
                f"over_time={query.over_time!r} of the native histogram {query.metric}: PromQL has no such function"
            )
        reduced = f"{query.over_time}_over_time({series}[{duration(query.window)}]{_offset(query.offset)})"
    if found.histogram == "native":
        reduced = f"histogram_count({reduced})"
    return f"{query.across}{_by(labels)}({reduced})"


def _grown(series: str, query: Query, over_time: str, counting: Counting) -> str:
    """Write what each series grew by within the window (`increase`), or that per second (`rate`)."""
    window, offset = duration(query.window), _offset(query.offset)
    if counting == "approximate":
        return f"{over_time}({series}[{window}]{offset})"
    now = f"last_over_time({series}[{window}]{offset})"
    before = f"last_over_time({series}[{duration(BASE_SECONDS)}]{_offset(query.offset + query.window)})"
    grown = f"{now} - {before} or {now}"
    if counting in ("safe", "anchored"):
        reset = f"resets({series}[{duration(query.window + BASE_SECONDS)}]{offset}) > 0"
        anchored = " anchored" if counting == "anchored" else ""
        grown = f"({grown}) unless {reset} or increase({series}[{window}]{anchored}{offset})"
    return f"({grown}) / {query.window!r}" if over_time == "rate" else grown


def _offset(seconds: float) -> str:
    return f" offset {duration(seconds)}" if seconds else ""


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(map(quoted_label, labels))}) " if labels else ""


def literally(value: str) -> str:
    """Write a value as a regular expression of RE2 that matches it alone."""
    return "".join(f"\\{character}" if character in r"\.+*?()|[]{}^$" else character for character in value)

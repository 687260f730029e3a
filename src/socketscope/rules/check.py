"""What a rule says that has the right shape and yet makes no sense: names, thresholds, combinations."""

from __future__ import annotations

import difflib
from collections.abc import Container, Iterator
from typing import Final, NamedTuple

from socketscope import semconv
from socketscope.query.model import Query
from socketscope.query.naming import KNOWN
from socketscope.rules.document import Place
from socketscope.rules.form import QueryForm, RatioForm, RawForm, RuleForm
from socketscope.rules.mistakes import nearest
from socketscope.rules.observe import COUNTING
from socketscope.rules.quantities import written
from socketscope.rules.text import label_of, placeholders

OURS: Final = ("websocket.", "socketscope.")
"""Every metric with such a name is in semconv."""
PLACEHOLDERS: Final = "{value}, {threshold}, {labels} and {labels[ATTRIBUTE]}"
SHORTEST: Final = 0.1
"""Seconds between evaluations, at the least."""
RESERVED: Final = ("alertname", "rule", "severity")
"""Labels by which routes, silences and receivers know the rule itself."""
_OF_POINTS: Final = frozenset(attribute.name for metric in KNOWN.values() for attribute in metric.attributes)
"""Attributes that are of metrics and never of a resource."""
_VERY_LIKE: Final = 0.92


class Wrong(NamedTuple):
    """Something that is wrong at a place of a rule."""

    place: Place
    expected: str
    found: object = None


def check_rule(form: RuleForm) -> Iterator[Wrong]:
    """Say everything that is wrong with a rule of the right shape."""
    query = form.query
    if isinstance(query, QueryForm):
        yield from _check_query(query, ("query",))
    elif isinstance(query, RatioForm):
        yield from _check_ratio(query)
    yield from _check_threshold(form)
    if form.interval < SHORTEST:
        yield Wrong(("interval",), f"a duration of {written(SHORTEST)} or more", form.interval)
    yield from _check_labels(form)
    yield from _check_summary(form)
    absent = isinstance(query, QueryForm) and query.absent
    if absent and form.no_data == "alert":
        yield Wrong(("no_data",), "'keep': what asks for absence always has an answer", "alert")


def is_share(query: object) -> bool:
    """Whether the value of a query is a share of a whole, 0 to 1."""
    if not isinstance(query, QueryForm | Query) or query.metric not in KNOWN or query.absent:
        return False
    return KNOWN[query.metric].unit == "1" and query.across not in ("sum", "count")


def _check_threshold(form: RuleForm) -> Iterator[Wrong]:
    absent = isinstance(form.query, QueryForm) and form.query.absent
    if form.above is not None and form.below is not None:
        yield Wrong(("below",), "only one of 'above' and 'below'")
    if form.above is None and form.below is None and not absent:
        yield Wrong((), "one of 'above' and 'below'")
    if absent and (form.below is not None or (form.above is not None and not 0 <= form.above < 1)):
        yield Wrong(("above" if form.below is None else "below",), "no threshold: what is absent counts as 1")
    quantile = isinstance(form.query, QueryForm) and form.query.over_time.startswith("p")
    if form.at_least is not None and not quantile and not isinstance(form.query, RatioForm):
        yield Wrong(("at_least",), "a ratio or a quantile, which can be of too little", form.at_least)
    for key in ("above", "below"):
        threshold = getattr(form, key)
        if threshold is not None and is_share(form.query) and not 0 <= threshold <= 1:
            yield Wrong((key,), "a share from 0 to 1, or a percentage as 90%", threshold)


def sides_of(form: RatioForm) -> list[QueryForm]:
    """Give both sides of a ratio as queries of their own; keys of the ratio hold where a side has none."""
    shared = {key: value for key, value in dict(form).items() if key != "ratio"}
    sides = []
    for given in form.ratio:
        side = given if isinstance(given, QueryForm) else QueryForm(metric=given)
        own = {key: value for key, value in dict(side).items() if key in side.model_fields_set or key not in shared}
        sides.append(QueryForm.model_construct(None, **{**shared, **own}))
    return sides


def _check_ratio(form: RatioForm) -> Iterator[Wrong]:
    sides = sides_of(form)
    for index, (given, side) in enumerate(zip(form.ratio, sides, strict=True)):
        place: Place = ("query", "ratio", index)
        yield from _check_query(side, place, named=isinstance(given, str))
        if side.absent:
            yield Wrong((*place, "absent"), "no absence in a ratio")
    above, below = (side.by for side in sides)
    if above != below:
        yield Wrong(("query", "ratio", 1, "by"), f"the same attributes on both sides, {above!r}", below)


def _check_query(form: QueryForm, place: Place, *, named: bool = False) -> Iterator[Wrong]:
    at = place if named else (*place, "metric")
    metric = KNOWN.get(form.metric)
    if metric is None and (form.metric.startswith(OURS) or _is_misspelt(form.metric)):
        yield Wrong(at, f"a metric that there is{nearest(form.metric, KNOWN)}", form.metric)
    if form.window <= 0:
        yield Wrong((*place, "window"), "a duration over 0", form.window)
    if form.absent and form.by:
        yield Wrong((*place, "by"), "nothing: what is absent has no attributes")
    if metric is not None:
        yield from _check_reduction(form, metric, place, at)
        yield from _check_attributes(form, metric, place)


def _is_misspelt(name: str) -> bool:
    return bool(difflib.get_close_matches(name, list(KNOWN), n=1, cutoff=_VERY_LIKE))


def _check_reduction(form: QueryForm, metric: semconv.Metric, place: Place, at: Place) -> Iterator[Wrong]:
    where = (*place, "over_time") if "over_time" in form.model_fields_set else at
    if form.over_time.startswith("p"):
        if metric.kind != "histogram":
            yield Wrong(where, f"no quantile: {metric.name} is a {metric.kind}", form.over_time)
    elif form.over_time in COUNTING:
        if metric.kind in ("gauge", "up-down counter"):
            yield Wrong(where, f"last, avg, min or max: {metric.name} is a {metric.kind}", form.over_time)
    elif metric.kind == "histogram" and not form.absent:
        yield Wrong(where, f"p50 to p99, increase or rate: {metric.name} is a histogram", form.over_time)
    elif metric.kind == "counter" and not form.absent:
        yield Wrong(where, f"increase or rate: {metric.name} is a counter, which grows as long as a process lives")


def _check_attributes(form: QueryForm, metric: semconv.Metric, place: Place) -> Iterator[Wrong]:
    known = {attribute.name: attribute for attribute in metric.attributes}

    def is_none(name: str) -> bool:
        return name not in known and (name.startswith(OURS) or (metric.name.startswith(OURS) and name in _OF_POINTS))

    for index, name in enumerate(form.by):
        if is_none(name):
            yield Wrong(
                (*place, "by", index), f"an attribute of {metric.name}: {', '.join(known) or 'it has none'}", name
            )
    for name, values in form.where.items():
        if is_none(name):
            expected = f"an attribute of {metric.name}: {', '.join(known) or 'it has none'}{nearest(name, known)}"
            yield Wrong((*place, "where", name), expected)
            continue
        if not values:
            yield Wrong((*place, "where", name), "a value, or a list of values")
        allowed = known[name].values if name in known else ()
        unknown = [value for value in ([values] if isinstance(values, str) else values) if value not in allowed]
        if allowed and unknown:
            expected = f"one of {', '.join(allowed)}{nearest(unknown[0], allowed)}"
            yield Wrong((*place, "where", name), expected, unknown[0])


def _check_labels(form: RuleForm) -> Iterator[Wrong]:
    for name in form.labels:
        if not name or name in RESERVED or name.startswith("__"):
            expected = f"another name: {', '.join(RESERVED)}, and what begins with __, have a meaning of their own"
            yield Wrong(("labels", name), expected, name)


def _labels_of(form: RuleForm) -> Container[str] | None:
    """Give the labels that alerts of a rule have; None where nobody knows."""
    if isinstance(form.query, RawForm):
        return None
    by = form.query.by if isinstance(form.query, QueryForm) else sides_of(form.query)[0].by
    return {*by, *form.labels}


def _check_summary(rule: RuleForm) -> Iterator[Wrong]:
    summary = rule.summary
    try:
        fields = list(placeholders(summary))
    except ValueError as error:
        yield Wrong(("summary",), f"text with {PLACEHOLDERS}, and {{{{ for a brace ({error})", summary)
        return
    labels = _labels_of(rule)
    for _, field, form in fields:
        if field is None:
            continue
        if field not in ("value", "threshold", "labels") and not (field.startswith("labels[") and field.endswith("]")):
            yield Wrong(("summary",), f"no placeholders but {PLACEHOLDERS}", f"{{{field}}}")
        elif field in ("value", "threshold"):
            try:
                format(1.0, form)
            except ValueError as error:
                yield Wrong(("summary",), f"a format of numbers after the colon ({error})", f"{{{field}:{form}}}")
        elif field != "labels" and labels is not None and label_of(field) not in labels:
            yield Wrong(("summary",), "labels that the rule has, by its 'by' or its 'labels'", f"{{{field}}}")

"""Monitors for Datadog, as its API takes them (`POST /api/v1/monitor`)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, Final

from socketscope.errors import QueryError
from socketscope.query.datadog import DatadogQuery, compile_query, tag_of, tag_value
from socketscope.query.model import Query
from socketscope.rules.export.differences import datadog_differences
from socketscope.rules.model import Raw, Rule
from socketscope.rules.quantities import written
from socketscope.rules.text import label_of, placeholders

PRIORITY: Final = {"critical": 1, "warning": 3, "info": 5}
_TIME: Final = {"sum": "sum", "last": "avg", "avg": "avg", "min": "min", "max": "max", "percentile": "percentile"}
_LONGEST: Final = 2 * 86_400


def export(rules: Iterable[Rule]) -> str:
    """Write JSON: `monitors`, each to be posted as it is, and what is `not_exported`, with the reason."""
    monitors, left_out = [], []
    for rule in rules:
        try:
            monitors.append(monitor(rule))
        except QueryError as error:
            left_out.append({"rule": rule.name, "why": str(error)})
    return json.dumps({"monitors": monitors, "not_exported": left_out}, indent=2, ensure_ascii=False) + "\n"


def monitor(rule: Rule) -> dict[str, Any]:
    """Write one rule as a monitor. Raises `QueryError` for what Datadog can't express."""
    differences = list(datadog_differences(rule))
    if isinstance(rule.query, Query) and rule.query.absent:
        query = f"{_left(_of_presence(rule.query))} < 0"
        missing = "show_and_notify_no_data"
        threshold = 0.0
        differences.append("The monitor's NO DATA is the alert.")
    else:
        threshold = rule.threshold
        query = f"{_left_of(rule)} {'>' if rule.above is not None else '<'} {_number(threshold)}"
        missing = "show_and_notify_no_data" if rule.no_data == "alert" else "show_no_data"
    options: dict[str, Any] = {
        "thresholds": {"critical": threshold},
        "on_missing_data": missing,
        "require_full_window": False,
        "include_tags": True,
    }
    if rule.delay:
        options["evaluation_delay"] = math.ceil(rule.delay)
    message = [_summary(rule)]
    if rule.runbook:
        message.append(f"Runbook: {rule.runbook}")
    if differences:
        message.append(f"Other than in socketscope: {' '.join(differences)}")
    labels = {"severity": rule.severity, **rule.labels}
    return {
        "name": rule.name,
        "type": "query alert",
        "query": query,
        "message": "\n\n".join(message),
        "priority": PRIORITY[rule.severity],
        "tags": ["source:socketscope", *(f"{tag_of(name)}:{tag_value(text)}" for name, text in labels.items())],
        "options": options,
    }


def _left_of(rule: Rule) -> str:
    if isinstance(rule.query, Raw):
        text = rule.query.by_backend.get("datadog")
        if text is None:
            raise QueryError("it has no raw query for datadog")
        return text
    return _left(compile_query(rule.query))


def _left(asked: DatadogQuery) -> str:
    """Write what is compared: how the window is reduced, and what of."""
    if asked.offset:
        raise QueryError(f"a window that ends {written(asked.offset)} ago: a monitor's window ends now")
    aggregators = {part.aggregator for part in asked.queries}
    if len(aggregators) != 1:
        raise QueryError("a monitor reduces both sides of a ratio in the same way")
    texts = {part.name: re.sub(r"\.rollup\([^)]*\)$", "", part.text) for part in asked.queries}
    formula = re.sub(r"\b[ab]\b", lambda found: texts[found[0]], asked.formula)
    return f"{_TIME[aggregators.pop()]}({_window(asked.window)}):{formula}"


def _window(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    if seconds > _LONGEST:
        raise QueryError(f"a window of {written(seconds)}: monitors look back two days at most")
    if minutes % 60 == 0:
        return f"last_{minutes // 60}h" if minutes % 1440 else f"last_{minutes // 1440}d"
    return f"last_{minutes}m"


def _of_presence(query: Query) -> DatadogQuery:
    return compile_query(Query(query.metric, window=query.window, where=query.where))


def _number(threshold: float) -> str:
    return f"{threshold:.12g}"


def _summary(rule: Rule) -> str:
    made = []
    for literal, field, form in placeholders(rule.summary):
        made.append(literal)
        if field == "value":
            made.append("{{value}}")
        elif field == "threshold":
            made.append(format(rule.threshold, form or ".4g"))
        elif field == "labels":
            made.append(_all_labels(rule))
        elif field:
            made.append(_label(label_of(field)))
    return "".join(made) or rule.name


def _all_labels(rule: Rule) -> str:
    query = rule.query.numerator if not isinstance(rule.query, Query | Raw) else rule.query
    names = query.by if isinstance(query, Query) else ()
    return ", ".join(f"{name}={_label(name)}" for name in names) or "no labels"


def _label(attribute: str) -> str:
    tag = tag_of(attribute)
    return f"{{{{[{tag}].name}}}}" if "." in tag else f"{{{{{tag}.name}}}}"

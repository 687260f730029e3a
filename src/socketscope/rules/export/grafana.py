"""Alerting rules for Grafana's file provisioning, over a data source that speaks PromQL."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from socketscope.errors import QueryError
from socketscope.query.naming import Naming
from socketscope.rules.evaluate import EXPIRY
from socketscope.rules.export.differences import GRAFANA, grafana_differences
from socketscope.rules.export.prometheus import annotations_of, comments, dump, labels_of
from socketscope.rules.export.promql import expressions
from socketscope.rules.model import Rule
from socketscope.rules.quantities import written

FOLDER = "socketscope"
_LONGEST_UID = 40


def export(rules: Iterable[Rule], naming: Naming, *, datasource: str) -> str:
    """Write the file for the data source with the uid `datasource`. What can't be said stands in it as a comment."""
    groups: defaultdict[float, list[dict[str, Any]]] = defaultdict(list)
    left_out = []
    for rule in rules:
        try:
            groups[rule.interval].append(alert_rule(rule, naming, datasource))
        except QueryError as error:
            left_out.append(f"Not exported: {rule.name}: {error}")
    made = [
        {
            "orgId": 1,
            "name": f"socketscope-{written(interval)}",
            "folder": FOLDER,
            "interval": written(interval),
            "rules": found,
        }
        for interval, found in sorted(groups.items())
    ]
    header = comments("Alerting rules for Grafana, written by `socketscope rules export`.", *GRAFANA, *left_out)
    return header + dump({"apiVersion": 1, "groups": made})


def alert_rule(rule: Rule, naming: Naming, datasource: str) -> dict[str, Any]:
    """Write one rule: A is the value, B whether there is enough of it, C the condition. Raises `QueryError`."""
    asked = expressions(rule, naming, "safe", zeros=True)
    data = [_query("A", asked.value, datasource, rule)]
    holds = f"$A {'>' if rule.above is not None else '<'} {rule.threshold:.12g}"
    if rule.at_least is not None:
        reached = " + ".join(f"(({count}) >= bool {rule.at_least:.12g})" for count in asked.counts)
        data.append(_query("B", reached, datasource, rule))
        holds = f"{holds} && $B > 0"
    data.append(
        {
            "refId": "C",
            "relativeTimeRange": {"from": 0, "to": 0},
            "datasourceUid": "__expr__",
            "model": {
                "refId": "C",
                "type": "math",
                "expression": holds,
                "datasource": {"type": "__expr__", "uid": "__expr__"},
            },
        }
    )
    return {
        "uid": hashlib.sha256(f"socketscope {rule.name}".encode()).hexdigest()[:_LONGEST_UID],
        "title": rule.name,
        "condition": "C",
        "data": data,
        # What asks for absence has no answer as long as all is well.
        "noDataState": "OK" if rule.absent else "Alerting" if rule.no_data == "alert" else "KeepLast",
        "execErrState": "KeepLast",
        "for": written(rule.for_),
        "keepFiringFor": written(rule.keep_firing_for),
        "missing_series_evals_to_resolve": max(1, round(EXPIRY / rule.interval)),
        "annotations": annotations_of(rule, naming, value="$values.A.Value", differences=grafana_differences(rule)),
        "labels": labels_of(rule),
        "isPaused": False,
    }


def _query(name: str, expression: str, datasource: str, rule: Rule) -> dict[str, Any]:
    delay = round(rule.delay)
    return {
        "refId": name,
        "relativeTimeRange": {"from": delay + 600, "to": delay},
        "datasourceUid": datasource,
        "model": {"refId": name, "expr": expression, "instant": True, "range": False, "editorMode": "code"},
    }

"""A file of alerting rules for Prometheus, Mimir, Thanos, VictoriaMetrics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from socketscope.errors import QueryError
from socketscope.query.naming import Naming
from socketscope.query.promql import Counting
from socketscope.rules.export.differences import PROMETHEUS, prometheus_differences
from socketscope.rules.export.promql import condition
from socketscope.rules.model import Rule
from socketscope.rules.quantities import written
from socketscope.rules.text import label_of, placeholders


def export(rules: Iterable[Rule], naming: Naming, *, anchored: bool = False) -> str:
    """Write the file; `anchored` needs Prometheus 3.16 (see `query/promql.py`).

    Rules that can't be said in PromQL stand in it as comments that say why.
    """
    groups: defaultdict[tuple[float, float], list[dict[str, Any]]] = defaultdict(list)
    left_out = []
    for rule in rules:
        try:
            groups[rule.interval, rule.delay].append(alerting_rule(rule, naming, "anchored" if anchored else "safe"))
        except QueryError as error:
            left_out.append(f"Not exported: {rule.name}: {error}")
    made = [
        {
            "name": f"socketscope-{written(interval)}" + (f"-delay-{written(delay)}" if delay else ""),
            "interval": written(interval),
            **({"query_offset": written(delay)} if delay else {}),
            "rules": found,
        }
        for (interval, delay), found in sorted(groups.items())
    ]
    return comments(
        "Alerting rules for Prometheus, written by `socketscope rules export`.", *PROMETHEUS, *left_out
    ) + dump({"groups": made})


def alerting_rule(rule: Rule, naming: Naming, counting: Counting) -> dict[str, Any]:
    """Write one rule. Raises `QueryError`."""
    made: dict[str, Any] = {"alert": rule.name, "expr": condition(rule, naming, counting)}
    if rule.for_:
        made["for"] = written(rule.for_)
    if rule.keep_firing_for:
        made["keep_firing_for"] = written(rule.keep_firing_for)
    made["labels"] = labels_of(rule)
    made["annotations"] = annotations_of(
        rule, naming, value="$value", differences=prometheus_differences(rule, counting)
    )
    return made


def labels_of(rule: Rule) -> dict[str, str]:
    """Write the labels, which are templates too."""
    return {"severity": rule.severity, **{name: escaped(text) for name, text in rule.labels.items()}}


def annotations_of(rule: Rule, naming: Naming, *, value: str, differences: Iterable[str]) -> dict[str, str]:
    """Write summary, runbook, and what is different; `value` is the template's name of the value."""
    made = {"summary": summary(rule, naming, value)} if rule.summary else {}
    if rule.runbook:
        made["runbook_url"] = escaped(rule.runbook)
    if told := " ".join(differences):
        made["differs"] = told
    return made


def summary(rule: Rule, naming: Naming, value: str) -> str:
    """Write the summary as a template of Go."""
    made = []
    for literal, field, form in placeholders(rule.summary):
        made.append(escaped(literal))
        if field == "value":
            made.append(f"{{{{ {value} | {'humanizePercentage' if form.endswith('%') else 'humanize'} }}}}")
        elif field == "threshold":
            made.append(format(rule.threshold, form or ".4g"))
        elif field == "labels":
            made.append("{{ range $name, $text := $labels }}{{ $name }}={{ $text }} {{ end }}")
        elif field:
            made.append(f'{{{{ index $labels "{naming.label(label_of(field))}" }}}}')
    return "".join(made)


def escaped(text: str) -> str:
    """Write text so that a template leaves it as it is, whatever follows it."""
    kept = text.replace("{{", '{{ "{{" }}')
    return kept.removesuffix("{") + '{{ "{" }}' if kept.endswith("{") else kept


def comments(*lines: str) -> str:
    """Write lines of a comment."""
    return "".join(f"# {line}\n" for text in lines for line in text.splitlines())


def dump(data: Mapping[str, Any]) -> str:
    """Write YAML, in the order that is given."""
    return yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, width=10_000)

"""A rule's condition in PromQL."""

from __future__ import annotations

from dataclasses import dataclass, replace

from socketscope.errors import QueryError
from socketscope.query.model import Query, Ratio
from socketscope.query.naming import Naming
from socketscope.query.promql import Counting, compile_query
from socketscope.rules.model import Raw, Rule
from socketscope.rules.observe import COUNTING, is_quantile


@dataclass(frozen=True, slots=True)
class Expressions:
    """What is asked: the `value`, what has to reach `at_least` (one of them), and the attribute of each label."""

    value: str
    counts: tuple[str, ...]
    labels: dict[str, str]


def condition(rule: Rule, naming: Naming, counting: Counting) -> str:
    """Write the condition: an answer for every label set for which it holds. Raises `QueryError`."""
    asked = expressions(rule, naming, counting, zeros=rule.below is not None)
    if rule.absent:
        return asked.value
    comparison = f"{_operand(asked.value)} {'>' if rule.above is not None else '<'} {rule.threshold:.12g}"
    if rule.at_least is not None:
        reached = " or ".join(f"{_operand(count)} >= {rule.at_least:.12g}" for count in asked.counts)
        comparison = f"({comparison}) and ({reached})"
    if rule.no_data == "alert":
        comparison = f"({comparison}) or absent({asked.value})"
    return comparison


def expressions(rule: Rule, naming: Naming, counting: Counting, *, zeros: bool) -> Expressions:
    """Write what is asked. With `zeros` a numerator that nobody counted is 0. Raises `QueryError`."""
    query = rule.query
    if isinstance(query, Raw):
        text = query.by_backend.get("prometheus")
        if text is None:
            raise QueryError("it has no raw query for prometheus")
        return Expressions(text, (), {})
    if isinstance(query, Ratio):
        above, labels = _compiled(query.numerator, naming, counting)
        below, _ = _compiled(query.denominator, naming, counting)
        counted = query.numerator.over_time in COUNTING and not query.numerator.complement
        dividend = f"({above} or {_operand(below)} * 0)" if zeros and counted else _operand(above)
        return Expressions(f"{dividend} / {_operand(below)}", (above, below), labels)
    value, labels = _compiled(query, naming, counting)
    if not is_quantile(query):
        return Expressions(value, (), labels)
    count, _ = _compiled(replace(query, over_time="increase", complement=False), naming, counting)
    return Expressions(value, (count,), labels)


def _compiled(query: Query, naming: Naming, counting: Counting) -> tuple[str, dict[str, str]]:
    compiled = None if naming.metric(query.metric) is None else compile_query(query, naming, counting=counting)
    if compiled is None:
        raise QueryError(f"{query.metric} is no metric of ours, so its name there is not known: use a raw query")
    return compiled.promql, dict(compiled.labels)


def _operand(expression: str) -> str:
    return f"({expression})"

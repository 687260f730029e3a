"""The small part of Datadog's query language that the double speaks. Whatever else is said it refuses."""

import ast
import operator
import re
from collections import defaultdict
from dataclasses import dataclass

QUERY = re.compile(
    r"(?P<space>avg|sum|min|max|count|p50|p90|p95|p99):(?P<metric>[a-zA-Z][\w.]*)"
    r"\{(?P<filter>[^{}]*)\}(?: by \{(?P<by>[^{}]*)\})?"
    r"(?P<as>\.as_count\(\)|\.as_rate\(\))?(?:\.rollup\((?:(?P<time>avg|sum|min|max|count), ?)?(?P<every>\d+)\))?"
)
CONDITION = re.compile(r"(?P<key>[a-z][\w.\-/]*)(?::(?P<value>[^\s,()]+)| IN \((?P<values>[^\s()]+)\))")
TAG = re.compile(r"[a-z][\w.\-/]*")
DEFAULT_INTERVAL = 10
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
REDUCE = {
    "avg": lambda values: sum(values) / len(values),
    "sum": sum,
    "min": min,
    "max": max,
    "count": len,
    "last": lambda values: values[-1],
}


class QuerySyntaxError(Exception):
    """Not in the language of the double."""


class UnknownMetric(Exception):
    """Nothing of that name was ever taken, and it was not announced."""


@dataclass(frozen=True)
class Parsed:
    space: str
    metric: str
    conditions: tuple
    by: tuple
    counted: str
    time: str | None
    every: int | None

    @property
    def is_quantile(self):
        return self.space.startswith("p")


def parse(text):
    """Parse a metric query; raises `QuerySyntaxError`."""
    found = QUERY.fullmatch(text)
    if not found:
        raise QuerySyntaxError(f"Error parsing query: unable to parse {text}")
    by = tuple(found["by"].split(",")) if found["by"] is not None else ()
    if not all(TAG.fullmatch(tag) for tag in by):
        raise QuerySyntaxError(f"Error parsing query: unable to parse the tags in {text}")
    return Parsed(
        found["space"],
        found["metric"],
        tuple(conditions(found["filter"], text)),
        by,
        (found["as"] or "")[1:-2],
        found["time"],
        int(found["every"]) if found["every"] else None,
    )


def conditions(given, text):
    if given == "*":
        return
    for part in given.split(" AND "):
        found = CONDITION.fullmatch(part)
        if not found:
            raise QuerySyntaxError(f"Error parsing query: unable to parse the filter in {text}")
        yield found["key"], frozenset([found["value"]] if found["value"] else found["values"].split(","))


def check(parsed, held):
    """Refuse what makes no sense for the kind of the metric."""
    if parsed.is_quantile or parsed.space == "count":
        if held.kind != "distribution":
            raise QuerySyntaxError(f"{parsed.space} is of distributions, {parsed.metric} is a {held.kind}")
        if parsed.time:
            raise QuerySyntaxError("distributions have no aggregator in rollup")
    if parsed.counted and (held.kind == "gauge" or parsed.is_quantile):
        raise QuerySyntaxError(f"{parsed.counted} is of counts, {parsed.metric} is a {held.kind}")


def evaluate(parsed, held, since, until, interval):
    """`{group: {stretch's begin: value}}` over `[since, until)`, in seconds. Time first, then space."""
    check(parsed, held)
    every = parsed.every or interval or DEFAULT_INTERVAL
    stretches = defaultdict(lambda: defaultdict(list))
    for pairs, points in held.series.items():
        tags = dict(pairs)
        if not all(tags.get(key) in values for key, values in parsed.conditions):
            continue
        group = tuple(tags.get(key, "N/A") for key in parsed.by)
        of_series = defaultdict(list)
        for second, value in sorted(points.items()):
            if since <= second < until:
                of_series[second // every * every].append(value)
        for begin, values in of_series.items():
            stretches[group][begin].append(in_time(parsed, held, values, every))
    return {
        group: {begin: in_space(parsed, held, values) for begin, values in sorted(line.items())}
        for group, line in stretches.items()
    }


def in_time(parsed, held, values, every):
    if held.kind == "distribution":
        return merged(values)
    if held.kind == "count":
        total = REDUCE[parsed.time or "sum"](values)
        return total / every if parsed.counted == "as_rate" else total
    return REDUCE[parsed.time or "avg"](values)


def in_space(parsed, held, values):
    if held.kind != "distribution":
        return REDUCE[parsed.space](values)
    sketch = merged(values)
    if parsed.is_quantile:
        return quantile(sketch, int(parsed.space[1:]) / 100)
    spread = [value for value, times in sketch.items() for _ in range(times)]
    return float(REDUCE[parsed.space](spread))


def merged(sketches):
    together = defaultdict(int)
    for sketch in sketches:
        for value, times in sketch.items():
            together[value] += times
    return together


def quantile(sketch, fraction):
    rank, seen = fraction * sum(sketch.values()), 0
    for value in sorted(sketch):
        seen += sketch[value]
        if seen >= rank:
            return value
    raise QuerySyntaxError("a quantile of nothing")


def formula(text, names):
    """Parse a formula over `names` into a function of `read(name, shift)`, which gives `{key: value}`."""
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise QuerySyntaxError(f"Error parsing formula: {text}") from error

    def compute(node, read, shift):
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return number
            case ast.Name(id=name) if name in names:
                return read(name, shift)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return combined(OPERATORS[type(op)], compute(left, read, shift), compute(right, read, shift))
            case ast.Call(
                func=ast.Name(id="timeshift"),
                args=[inner, ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as seconds))],
                keywords=[],
            ):
                return compute(inner, read, shift + seconds)
        raise QuerySyntaxError(f"Error parsing formula: {ast.unparse(node)} in {text}")

    compute(tree, lambda *_: {}, 0)  # what is wrong with it is said before anything is read
    return lambda read: compute(tree, read, 0)


def combined(op, left, right):
    """Where both have a value; what is divided by nothing has none."""
    keys = [side.keys() for side in (left, right) if isinstance(side, dict)]
    if not keys:
        return op(left, right)
    found = {}
    for key in set.intersection(*map(set, keys)):
        one, other = (side[key] if isinstance(side, dict) else side for side in (left, right))
        if op is not operator.truediv or other:
            found[key] = op(one, other)
    return found

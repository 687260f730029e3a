"""The compilers' answers from a store, in plain Python values. Times are seconds since `T0`."""

import math

from otlp_requests import T0
from socketscope.query.sql import compile_instant, compile_range


def instant(store, query, at):
    """The answer at one moment: {label values: value}, or the bare value where there are no labels."""
    compiled, rows = _answer(store, lambda catalog: compile_instant(query, catalog, at=T0 + at))
    answer = {compiled.groups[group]: value for _, group, value, _ in rows}
    return answer if compiled.labels else answer.get(())


def over_range(store, query, start, end, step):
    """The answer over a range without labels: [value or None]."""
    _, rows = _answer(store, lambda catalog: compile_range(query, catalog, start=T0 + start, end=T0 + end, step=step))
    values = {k: value for k, _, value, _ in rows}
    return [values.get(k) for k in range(math.floor((end - start) / step) + 1)]


def _answer(store, compile_it):
    compiled = []

    def statements(catalog):
        compiled.append(compile_it(catalog))
        return [(compiled[0].sql, compiled[0].parameters)]

    [rows] = store.ask(statements)
    return compiled[0], rows

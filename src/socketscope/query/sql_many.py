"""Compile many queries at one moment to few statements: one for all that are reduced in the same way.

To plan a statement takes longer than to read what a usual query asks for, so that what is planned once for many is
many times faster. Pure, as `query/sql.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from socketscope.query.catalog import Catalog, Groups
from socketscope.query.model import Query
from socketscope.query.sql import reduction
from socketscope.query.sql_parts import Frame, Grid, Parameters, frame


class Together(NamedTuple):
    """A statement, its parameters by name, and what its rows mean.

    Rows are `(0, g, value, measured_ns)`; `groups[g]` is the number of the query, and the values of its `by`. A value
    is before `complement`, and of what is `absent` there are the rows of what is there.
    """

    sql: str
    parameters: dict[str, Any]
    groups: Sequence[tuple[int, tuple[str, ...]]]


def compile_together(queries: Sequence[Query], catalog: Catalog, *, at: float) -> list[Together]:
    """Compile `queries` for the moment `at` (epoch seconds). Raises `QueryError` if one of them can't be asked."""
    grid = Grid.instant(at)
    alike: defaultdict[tuple[Any, ...], list[tuple[int, Frame, Groups]]] = defaultdict(list)
    for number, query in enumerate(queries):
        groups = Groups()
        laid = frame(query, grid, catalog, groups)
        key = (query.over_time, laid.window_ns, laid.offset_ns, query.across, laid.histograms, laid.numbers)
        alike[key].append((number, laid, groups))
    return [made for members in alike.values() if (made := _together(members))]


def _together(members: Sequence[tuple[int, Frame, Groups]]) -> Together | None:
    ids: list[int] = []
    numbers: list[int] = []
    groups: list[tuple[int, tuple[str, ...]]] = []
    for number, laid, found in members:
        numbers += [len(groups) + group for group in laid.groups]
        ids += laid.ids
        groups += [(number, values) for values in found.values]
    parameters = Parameters()
    sql = reduction(replace(members[0][1], ids=ids, groups=numbers), parameters)
    return Together(sql, parameters.values, groups) if sql else None

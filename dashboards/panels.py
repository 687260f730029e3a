"""What can stand on a board, as data: panels, their lines, and the queries of our own model behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from socketscope import semconv
from socketscope.query.model import Across, OverTime, Query, Ratio
from socketscope.query.naming import SERVICE_NAME, Naming
from socketscope.query.promql import compile_query

SERVICE: Final = "$service"
"""The board's variable with the chosen services; it can be several, so it is matched as a regular expression."""
ROUTE: Final = "$route"

STEP: Final = 60_001.0
"""Seconds that stand for Grafana's `$__rate_interval`: a window that grows with the range that is shown."""
SHOWN: Final = 60_002.0
"""Seconds that stand for Grafana's `$__range`: all that is shown."""
_WINDOWS: Final = {f"{STEP:.0f}s": "$__rate_interval", f"{SHOWN:.0f}s": "$__range"}

Kind = Literal["stat", "timeseries", "bars"]
Where = Mapping[semconv.Attribute | str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Line:
    """What one query draws: a line for each value of its `by`, called by the `legend`.

    In a legend `{attribute}` stands for a value. `top` keeps the greatest ones. `exact` counts as the console does, to
    the unit; without it the backend's own rate is drawn, which costs it less but does not see a series' first value.
    """

    query: Query | Ratio
    legend: str = ""
    top: int | None = None
    exact: bool = False

    def promql(self, naming: Naming) -> str:
        """Compile, with Grafana's variables in place."""
        compiled = compile_query(self.query, naming, exact=self.exact)
        if compiled is None:
            raise ValueError(f"{self.query} asks for a metric that is not in semconv")
        text = compiled.promql
        for seconds, variable in _WINDOWS.items():
            text = text.replace(seconds, variable)
        for variable in (SERVICE, ROUTE):
            text = text.replace(f'="{variable}"', f'=~"{variable}"')
        return f"topk({self.top}, {text})" if self.top else text

    def legend_format(self, naming: Naming) -> str:
        """Write the legend as Grafana takes it."""
        text = self.legend
        for query in (self.query.numerator, self.query.denominator) if isinstance(self.query, Ratio) else (self.query,):
            for attribute in query.by:
                text = text.replace(f"{{{attribute}}}", f"{{{{{naming.label(attribute)}}}}}")
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel: `bars` and `stat` show one moment, the end of what is shown. `unit` is Grafana's name of it."""

    title: str
    description: str
    lines: tuple[Line, ...]
    kind: Kind = "timeseries"
    unit: str = "short"
    width: int = 8
    height: int = 8
    decimals: int | None = None
    alarming: float | None = None
    """From here on the number is red."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


def ask(
    metric: semconv.Metric,
    over_time: OverTime = "last",
    *,
    window: float = STEP,
    across: Across = "sum",
    by: tuple[semconv.Attribute | str, ...] = (),
    where: Where | None = None,
) -> Query:
    """Make a query of the chosen services, and of the chosen routes where the metric has any."""
    chosen = {SERVICE_NAME: (SERVICE,)}
    if semconv.HTTP_ROUTE in metric.attributes:
        chosen[semconv.HTTP_ROUTE.name] = (ROUTE,)
    matching = {_name(attribute): values for attribute, values in (where or {}).items()}
    return Query(metric.name, over_time, window, across, tuple(map(_name, by)), chosen | matching)


def complement(query: Query) -> Query:
    """Ask for 1 minus it."""
    return replace(query, complement=True)


def _name(attribute: semconv.Attribute | str) -> str:
    return attribute if isinstance(attribute, str) else attribute.name

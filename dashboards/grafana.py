"""Draws boards for Grafana: its dashboard schema v1, which file provisioning takes."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count
from typing import Any, Final

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueGraphMode,
    DataSourceRef,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
    VariableSort,
)

from dashboards import overview
from dashboards.panels import ROUTE, SERVICE, Line, Panel
from socketscope import semconv
from socketscope.query.model import Query
from socketscope.query.naming import SERVICE_NAME, Naming, Strategy

SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
"""What the board's variable `datasource` chooses."""
EVERYTHING: Final = ".*"
_VALUE: Final = '/"([^"]+)"/'
"""Takes the only label's value out of what `query_result` lists; label_values() can't write dotted names."""


def overview_board(strategy: Strategy) -> str:
    """Return the overview as JSON, for names as `strategy` makes them."""
    naming = Naming.of(strategy)
    board = (
        dashboard.Dashboard(overview.TITLE)
        .uid(f"socketscope-overview-{strategy.lower()}"[:40])
        .description(f"{overview.DESCRIPTION} Names of metrics: {strategy}.")
        .tags(["socketscope", "websocket", "opentelemetry"])
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time("now-15m", "now")
        .refresh("10s")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_variable(SERVICE, "Service", _without(overview.SERVICES, SERVICE_NAME), naming))
        .with_variable(_variable(ROUTE, "Route", _without(overview.ROUTES, semconv.HTTP_ROUTE.name), naming))
    )
    number = count(1)
    for row in overview.ROWS:
        board = board.with_row(dashboard.Row(row.title).id(next(number)))
        for panel in row.panels:
            board = board.with_panel(_panel(panel, naming).id(next(number)))
    # Through JSON once, so that the keys' order is ours and not that of the SDK's version.
    return json.dumps(json.loads(JSONEncoder().encode(board.build())), indent=2, sort_keys=True) + "\n"


def _without(query: Query, attribute: str) -> Query:
    """Drop the filter by what the variable itself lists."""
    return replace(query, where={name: values for name, values in query.where.items() if name != attribute})


def _variable(name: str, label: str, query: Query, naming: Naming) -> dashboard.QueryVariable:
    if name == SERVICE:
        query = _without(query, semconv.HTTP_ROUTE.name)
    return (
        dashboard.QueryVariable(name.removeprefix("$"))
        .label(label)
        .datasource(SOURCE)
        .query({"query": f"query_result({Line(query).promql(naming)})", "refId": "variable"})
        .regex(_VALUE)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(EVERYTHING)
    )


def _panel(panel: Panel, naming: Naming) -> Any:
    drawn: Any = {"stat": _stat, "bars": _bars, "timeseries": _timeseries}[panel.kind](panel)
    drawn = (
        drawn.title(panel.title)
        .description(panel.description)
        .datasource(SOURCE)
        .unit(panel.unit)
        .span(panel.width)
        .height(panel.height)
    )
    if panel.decimals is not None:
        drawn = drawn.decimals(panel.decimals)
    for number, line in enumerate(panel.lines):
        drawn = drawn.with_target(_target(line, chr(ord("A") + number), naming, instant=panel.kind != "timeseries"))
    return drawn


def _target(line: Line, reference: str, naming: Naming, *, instant: bool) -> prometheus.Dataquery:
    target = prometheus.Dataquery().ref_id(reference).expr(line.promql(naming))
    target = target.legend_format(line.legend_format(naming) or "__auto")
    return target.instant() if instant else target.range()


def _stat(panel: Panel) -> stat.Panel:
    colours = [Threshold(value=None, color="green")]
    if panel.alarming is not None:
        colours.append(Threshold(value=panel.alarming, color="red"))
    return (
        stat.Panel()
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(colours))
    )


def _bars(_panel: Panel) -> bargauge.Panel:
    return (
        bargauge.Panel()
        .display_mode(BarGaugeDisplayMode.BASIC)
        .orientation(VizOrientation.HORIZONTAL)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .min(0)
    )


def _timeseries(_panel: Panel) -> timeseries.Panel:
    return (
        timeseries.Panel()
        .fill_opacity(8)
        .line_width(1)
        .show_points(VisibilityMode.NEVER)
        .min(0)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )

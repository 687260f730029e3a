import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from socketscope.telemetry.batches import in_pieces

SIZES = st.lists(st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=3), max_size=3)
"""Points of each metric of each scope of each resource."""


def metrics_data(sizes):
    return MetricsData(
        [
            ResourceMetrics(
                Resource({"number": resource}),
                [
                    ScopeMetrics(
                        InstrumentationScope(f"scope-{scope}"),
                        [
                            Metric(
                                f"metric-{name}",
                                "",
                                "1",
                                Sum(
                                    [NumberDataPoint({"point": point}, 0, 1, point) for point in range(points)],
                                    AggregationTemporality.CUMULATIVE,
                                    is_monotonic=True,
                                ),
                            )
                            for name, points in enumerate(metrics)
                        ],
                        "schema",
                    )
                    for scope, metrics in enumerate(scopes)
                ],
                "schema",
            )
            for resource, scopes in enumerate(sizes)
        ]
    )


def told(data):
    """Every point with all that stands above it."""
    return [
        (
            resource.resource.attributes["number"],
            scope.scope.name,
            scope.schema_url,
            metric.name,
            metric.unit,
            metric.data.is_monotonic,
            point.attributes["point"],
        )
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]


@given(SIZES, st.integers(1, 12))
def test_pieces_have_every_point_once_and_in_order_and_none_is_too_large(sizes, most):
    data = metrics_data(sizes)
    pieces = [told(piece) for piece in in_pieces(data, most)]
    assert [point for piece in pieces for point in piece] == told(data)
    assert all(len(piece) == most for piece in pieces[:-1])
    assert all(0 < len(piece) <= most for piece in pieces)


@given(SIZES)
def test_what_stands_together_is_not_repeated_within_a_piece(sizes):
    for piece in in_pieces(metrics_data(sizes), 10_000):
        numbers = [resource.resource.attributes["number"] for resource in piece.resource_metrics]
        assert len(numbers) == len(set(numbers))
        for resource in piece.resource_metrics:
            names = [scope.scope.name for scope in resource.scope_metrics]
            assert len(names) == len(set(names))


@pytest.mark.parametrize("sizes", [[], [[]], [[[]]], [[[0, 0]]]])
def test_of_nothing_there_is_no_piece(sizes):
    assert list(in_pieces(metrics_data(sizes))) == []

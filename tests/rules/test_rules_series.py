"""When the process behind a series of a case began to count."""

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from socketscope.rules.case_series import Timeline, export_step


@pytest.mark.parametrize(
    ("series", "values", "began"),
    [
        ("websocket.server.errors", "_x2 0+5x3", [0, 0, 2, 2, 2, 2]),
        ("websocket.server.errors", "0 5 5 _ 10 3 4 0", [0, 0, 0, 0, 0, 5, 5, 7]),
        ("websocket.server.active_connections", "40 120 40 0", [0, 0, 0, 0]),  # a fall of what goes up and down is none
        ('websocket.server.send.duration{observed="0.1"}', "4 8 2", [0, 0, 2]),
    ],
)
def test_a_count_that_falls_began_anew(series, values, began):
    timeline = Timeline.read(series, values)
    assert [timeline.began(index) for index in range(len(timeline.values))] == began


def test_the_start_is_sent_with_each_value():
    timeline = Timeline.read("websocket.server.errors", "1 5 2 3")
    starts = []
    for index in range(4):
        request = ExportMetricsServiceRequest.FromString(export_step([timeline], index, start=100, step=10))
        (metric,) = request.resource_metrics[0].scope_metrics[0].metrics
        starts.append(metric.sum.data_points[0].start_time_unix_nano // 10**9)
    assert starts == [100, 100, 120, 120]

"""The key names that dashboards of the first hour read: they stay."""

import pytest
from pydantic import BaseModel

from socketscope.monitoring import schemas


@pytest.mark.parametrize(
    ("schema", "keys"),
    [
        (
            schemas.Metrics,
            {
                "current_connections",
                "connections_by_channel",
                "messages_sent",
                "messages_received",
                "errors",
                "uptime",
                "timestamp",
                "system_metrics",
            },
        ),
        (schemas.SystemMetrics, {"cpu_usage", "memory_usage", "active_threads", "timestamp"}),
        (schemas.Connections, {"active_connections", "total_active"}),
        (schemas.Stats, {"total_connections", "avg_duration", "unique_channels", "peak_connections"}),
        (schemas.Health, {"status", "timestamp", "metrics"}),
        (schemas.Root, {"message", "status", "timestamp"}),
    ],
)
def test_an_answer_has_the_keys_that_it_always_had(schema: type[BaseModel], keys: set[str]) -> None:
    assert keys <= schema.model_fields.keys()

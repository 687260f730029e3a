import os

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from socketscope import semconv
from socketscope.telemetry.process import Telemetry, process_telemetry
from socketscope.telemetry.record import ConnectionRecord
from socketscope.telemetry.sdk_present import sdk_present


def test_without_an_sdk_nothing_is_on() -> None:
    assert not sdk_present()
    assert not Telemetry().on


def test_a_forked_child_begins_at_zero() -> None:
    telemetry = process_telemetry()
    record = ConnectionRecord("0" * 16, 0, 0)
    telemetry.opened(record)
    try:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(
                write, f"{len(telemetry.live)} {sum(telemetry.accumulators.connections.active().values())}".encode()
            )
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(read, 100) == b"0 0"
        assert len(telemetry.live) == 1
    finally:
        telemetry.ended(record, now_wall=0, duration=0)
        os.close(read)
        os.close(write)


def test_resetting_keeps_the_limits() -> None:
    telemetry = Telemetry(channel_limit=7)
    telemetry.reset()
    assert telemetry.accumulators.channel_cap.limit == 7


def test_each_collection_of_each_reader_looks_at_every_open_connection_once(monkeypatch) -> None:
    readers = [InMemoryMetricReader(), InMemoryMetricReader()]
    telemetry = Telemetry()
    telemetry.switch_on(provider=MeterProvider(readers, shutdown_on_exit=False))
    record = ConnectionRecord("0" * 16, 0, 0)
    record.count_into(telemetry.accumulators.traffic(record.where))
    telemetry.opened(record)
    looked, fold = [], telemetry.accumulators.fold
    monkeypatch.setattr(telemetry.accumulators, "fold", lambda seen: (looked.append(seen), fold(seen)))

    for count in (1, 2):
        record.receive.count_one(10, 4, binary=False)
        for reader in readers:
            looked.clear()
            assert bytes_received(reader) == 10 * count
            assert looked == [record]


def bytes_received(reader: InMemoryMetricReader) -> int:
    data = reader.get_metrics_data()
    assert data is not None
    (found,) = (
        metric
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == semconv.IO.name
    )
    return sum(point.value for point in found.data.data_points)

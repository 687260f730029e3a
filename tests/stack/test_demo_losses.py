"""The demo behind a proxy that loses telemetry: what is lost is seen."""

from proxy import DropOne, KeepTheLast, PassOn, proxy


def test_through_a_proxy_that_passes_all_on_the_numbers_are_equal(demo, small, otelcol, ports):
    rule = PassOn()
    with proxy(ports["otlp-grpc-port"], rule) as url:
        ended = demo(*small, "--otlp-endpoint", url)
    assert ended.code == 0, ended.output
    assert rule.passed > 0


def test_one_lost_batch_of_logs_is_seen(demo, small, otelcol, ports):
    rule = DropOne()
    with proxy(ports["otlp-grpc-port"], rule) as url:
        ended = demo(*small, "--otlp-endpoint", url)
    assert len(rule.dropped) == 1
    assert ended.code == 3, ended.output
    assert "differs" in ended.output
    assert ended.summary["equal"] is False
    assert ended.summary["events"]["connections_accepted"] < ended.summary["ledger"]["connections_accepted"]
    assert ended.summary["measured"]["messages_received"] == ended.summary["ledger"]["messages_received"]


def test_the_loss_of_the_last_metrics_is_seen(demo, small, otelcol, ports):
    rule = KeepTheLast()
    with proxy(ports["otlp-grpc-port"], rule) as url:
        ended = demo(*small, "--otlp-endpoint", url)
    assert rule.kept
    assert ended.code == 3, ended.output
    assert "differs" in ended.output
    assert "messages_received" in ended.summary["differences"]
    assert ended.summary["measured"]["messages_received"] < ended.summary["ledger"]["messages_received"]
    assert rule.largest == ended.summary["ledger"]["messages_received"], "the service did send them"

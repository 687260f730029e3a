import threading
from typing import Any

import pytest

from socketscope.telemetry import flush


class Provider:
    def __init__(self, work: Any) -> None:
        self.force_flush = work


def providers(monkeypatch: pytest.MonkeyPatch, traces: Any, logs: Any, metrics: Any) -> None:
    monkeypatch.setattr(flush.trace, "get_tracer_provider", lambda: traces)
    monkeypatch.setattr(flush._logs, "get_logger_provider", lambda: logs)
    monkeypatch.setattr(flush.metrics, "get_meter_provider", lambda: metrics)


def test_all_three_are_flushed_with_the_time_in_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    providers(monkeypatch, Provider(asked.append), Provider(asked.append), Provider(asked.append))
    assert flush.flush(2)
    assert asked == [2000] * 3


def test_without_an_sdk_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    providers(monkeypatch, object(), object(), object())
    assert flush.flush()


def test_a_provider_that_raises_holds_up_no_other_and_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: int) -> None:
        raise RuntimeError("a reader failed")

    asked: list[int] = []
    providers(monkeypatch, Provider(broken), Provider(asked.append), Provider(asked.append))
    assert not flush.flush()
    assert len(asked) == 2
    assert "a reader failed" in caplog.text


def test_a_provider_that_hangs_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    release = threading.Event()
    asked: list[int] = []
    providers(monkeypatch, Provider(lambda _: release.wait(60)), Provider(asked.append), Provider(asked.append))
    try:
        assert not flush.flush(0.05)
        assert len(asked) == 2
        assert "no answer in 0.05 s" in caplog.text
    finally:
        release.set()

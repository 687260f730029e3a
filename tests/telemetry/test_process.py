import os

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
            os.write(write, f"{len(telemetry.live)} {sum(telemetry.accumulators.active.values())}".encode())
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

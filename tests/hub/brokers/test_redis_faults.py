"""Short versions of what scripts/proofs/hub.py proves at length."""

import fault_story
import pytest

from redis_process import required_redis

SHORT = {"before": 0.6, "seconds": 0.5, "after": 0.5, "rate": 300.0}


def require_closed(found):
    """Nothing is missing without having been counted, by the ledger and by the messages themselves."""
    assert found["open"] == [0, 0]
    assert found["missing_uncounted"] == [0, 0]
    assert found["out_of_order"] == 0
    assert found["told_lost"] == found["lost"]
    assert found["published"] == found["attempts"] - found["refused"] > 0
    assert found["received"] > 0


@pytest.mark.parametrize("fault", ["kill, one late", "kill, kept on disk, one late", "reset, one late"])
def test_under_load_nothing_is_lost_when_connections_break(tmp_path, fault):
    found = fault_story.run_fault(required_redis(), tmp_path, fault, **SHORT)
    require_closed(found)
    assert found["recovered"] > 0
    assert found["refused"] == 0


def test_a_server_that_pauses_is_left_and_found_again(tmp_path):
    found = fault_story.run_fault(
        required_redis(), tmp_path, "pause, one late", **{**SHORT, "seconds": 2.0}, options={"answer_seconds": 0.4}
    )
    require_closed(found)
    assert found["recovered"] > 0
    assert (found["refused"], found["lost"]) == (0, 0)


def test_what_can_not_wait_is_refused_and_what_is_in_doubt_is_published_in_the_end(tmp_path):
    options = {"answer_seconds": 0.4, "patience": 0.5, "waiting_messages": 100}
    found = fault_story.run_fault(required_redis(), tmp_path, "pause", **{**SHORT, "seconds": 2.0}, options=options)
    require_closed(found)
    assert found["refused"] > 0
    assert found["in_doubt"] > 0


def test_a_process_that_was_cut_off_for_reading_too_slowly_reads_the_history(tmp_path):
    found = fault_story.run_fault(required_redis(), tmp_path, "cut off", **SHORT, size=4096)
    require_closed(found)
    assert found["recovered"] > 0


@pytest.mark.parametrize("fault", ["cut off", "cut off, then kill"])
def test_what_no_history_has_any_more_is_counted_as_lost(tmp_path, fault):
    found = fault_story.run_fault(
        required_redis(), tmp_path, fault, **SHORT, size=4096, options={"history_messages": 10}
    )
    require_closed(found)
    assert found["lost"] > 0

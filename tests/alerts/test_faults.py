import pytest
from faults import run_faults
from story import ERRORS, LOAD, Story

NEVER = ("missing", "unexpected", "false_resolved", "keys_not_shared", "out_of_order", "undelivered")


def test_the_story_has_every_kind_of_thing():
    story = Story(1000.0, 1.0, 200)
    story.go_on(130, lost=0)
    keys = story.expected()
    assert len(keys) == len(set(keys))
    assert sum(":firing:" in key for key in keys) == sum(":resolved:" in key for key in keys) > 10
    metrics = (ERRORS, LOAD)
    assert all(None in [story.measured(metric, 1000 + n) for n in range(200)] for metric in metrics)


@pytest.mark.parametrize("seed", [1])
def test_killed_again_and_again_two_services_tell_everything_and_nothing_else(tmp_path, seed):
    report = run_faults(tmp_path, evaluations=60, life=16, seed=seed)
    assert report["evaluations"] >= 60
    assert report["kills"] >= 5
    assert {name: report[name] for name in NEVER} == dict.fromkeys(NEVER, 0), report
    assert report["unreachable_told"] == {name: {"firing": 1, "resolved": 1} for name in ("one", "two")}
    assert report["exit_codes"] == [0, 0]

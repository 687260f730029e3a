import pytest

from socketscope.state.matching import matches


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("room", "room", True),
        ("room", "rooms", False),
        ("room*", "rooms", True),
        ("*oom*", "the rooms", True),
        ("room[1]", "room[1]", True),
        ("room[1]", "room1", False),
        ("room?", "room1", False),
        ("a*b", "a\nb", True),
        ("a.b", "axb", False),
        ("*", "", True),
        ("", "", True),
    ],
)
def test_only_a_star_is_special(pattern, value, expected):
    assert matches({"channel": pattern}, rule="R", severity="info", labels={"channel": value}) is expected


def test_a_label_that_is_not_there_is_empty():
    assert matches({"channel": ""}, rule="R", severity="info", labels={})
    assert not matches({"channel": "a"}, rule="R", severity="info", labels={})


def test_rule_and_severity_are_those_of_the_rule_whatever_the_labels_say():
    labels = {"rule": "Other", "severity": "critical"}
    assert matches({"rule": "R", "severity": "info"}, rule="R", severity="info", labels=labels)

import pytest

from alerts_fakes import note, rule
from socketscope.alerts.grouping import Group
from socketscope.alerts.telling import Rhythm, Told, at_the_end, is_over, while_firing
from socketscope.rules.state import Alert
from socketscope.state.notices import Notice

RHYTHM = Rhythm(repeat=100, cooldown=30)


def alert(name="a", fired_at=1000.0):
    return Alert(labels={"x": name}, fingerprint=name, state="firing", since=fired_at, value=2.0, fired_at=fired_at)


def group(*members, audible=None):
    members = members or (alert(),)
    heard = members if audible is None else audible
    return Group(fingerprint="g", rule=rule(), labels={}, members=members, audible=heard)


def told(story, *, rhythm=RHYTHM):
    """Play `story`, (at, a group or how it ended); return what was told when."""
    notice, found = None, []
    for at, what in story:
        if isinstance(what, str):
            notice, said = at_the_end(notice, what)
        else:
            notice, said = while_firing(what, notice, at=at, rhythm=rhythm)
            if said:
                notice = Notice(**{**{k: getattr(notice, k) for k in Notice.__slots__}, "last": note()})
        if said:
            found.append((at, said.status, said.number))
    return found


def test_an_alert_is_told_when_it_fires_and_when_it_resolves():
    assert told([(1000, group()), (1010, group()), (1020, "resolved")]) == [
        (1000, "firing", "0"),
        (1020, "resolved", "0"),
    ]


def test_it_is_said_again_after_each_repeat_from_its_start_not_from_when_it_was_told():
    story = [(at, group()) for at in range(1000, 1301, 10)]
    assert told(story) == [(1000, "firing", "0"), *((1000 + 100 * n, "firing", str(n)) for n in (1, 2, 3))]


def test_repeats_that_could_not_be_made_are_not_made_up_for():
    assert told([(1000, group()), (1350, group()), (1360, group())]) == [(1000, "firing", "0"), (1350, "firing", "3")]


def test_without_a_repeat_it_is_said_once():
    story = [(at, group()) for at in range(1000, 9000, 100)]
    assert told(story, rhythm=Rhythm(repeat=0, cooldown=0)) == [(1000, "firing", "0")]


def test_an_alert_that_fires_again_within_the_cooldown_is_told_when_that_is_over_if_it_still_fires():
    again = group(alert(fired_at=1015))
    assert told([(1000, group()), (1010, "resolved"), (1015, again), (1029, again), (1030, again), (1040, again)]) == [
        (1000, "firing", "0"),
        (1010, "resolved", "0"),
        (1030, "firing", "0"),
    ]


def test_one_that_comes_and_goes_within_the_cooldown_is_not_told_and_neither_is_its_end():
    story = [(1000, group()), (1010, "resolved")]
    for at in (1012, 1018, 1024):
        story += [(at, group(alert(fired_at=at))), (at + 3, "resolved")]
    assert told(story) == [(1000, "firing", "0"), (1010, "resolved", "0")]


def test_what_is_muted_is_told_as_soon_as_it_is_no_more():
    silent = group(audible=())
    assert told([(1000, silent), (1110, silent), (1120, group()), (1130, "resolved")]) == [
        (1120, "firing", "1"),
        (1130, "resolved", "0"),
    ]


def test_of_what_was_muted_all_the_time_the_end_is_not_told():
    assert told([(1000, group(audible=())), (1010, "resolved")]) == []


def test_of_what_was_told_the_end_is_told_even_if_it_is_muted_by_then():
    silent = group(audible=())
    assert told([(1000, group()), (1150, silent), (1160, "resolved")]) == [
        (1000, "firing", "0"),
        (1160, "resolved", "0"),
    ]


def test_a_group_that_grows_is_told_again_after_the_cooldown_but_not_one_that_shrinks_and_grows_back():
    one, two, three = (group(*(alert(str(n)) for n in range(size))) for size in (1, 2, 3))
    assert told([(1000, one), (1010, two), (1030, two), (1040, one), (1070, two), (1075, three)]) == [
        (1000, "firing", "0"),
        (1030, "firing", "0.2"),
        (1075, "firing", "0.3"),
    ]


def test_what_has_lost_its_data_for_good_is_told_as_firing_for_the_last_time():
    assert told([(1000, group()), (4600, "expired")])[-1] == (4600, "firing", "expired")


@pytest.mark.parametrize("how", ["removed", "regrouped"])
def test_what_is_configured_no_more_is_told_as_resolved(how):
    assert told([(1000, group()), (1100, how)])[-1] == (1100, "resolved", "0")


def test_two_services_of_which_one_sleeps_come_to_the_same_keys():
    whole = [(at, group()) for at in range(1000, 1301, 10)]
    with_gap = [step for step in whole if not 1050 < step[0] < 1250]
    assert set(told(with_gap)) <= {*told(whole), (1250, "firing", "2")}


def test_a_notice_is_kept_as_long_as_it_holds_anything_back():
    ended, said = at_the_end(
        Notice(fingerprint="g", rule="r", firing=True, started_at=0, told_at=100, last=note()), "resolved"
    )
    assert said == Told("resolved", "0")
    assert not is_over(ended, at=129, cooldown=30)
    assert is_over(ended, at=130, cooldown=30)

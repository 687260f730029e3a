import pytest

from alerts_fakes import rule
from socketscope.alerts.muting import Muted, graver, muted
from socketscope.rules.state import Alert
from socketscope.state.silences import Silence


def firing(name, severity="warning", family=None, **labels):
    own = {"family": family} if family else {}
    alert = Alert(labels={**own, **labels}, fingerprint=name, state="firing", since=1, value=2, fired_at=1)
    return rule(name, severity=severity, labels=own), alert


def mutes(*others, of, silences=()):
    return muted(*of, silences=silences, grave=graver([*others, of]))


@pytest.mark.parametrize(
    ("other", "of", "expected"),
    [
        (firing("Down", "critical", "load"), firing("Slow", "warning", "load"), ("Down",)),
        (firing("Down", "critical", "load"), firing("Slow", "info", "load"), ("Down",)),
        (firing("Down", "critical", "load"), firing("Slow", "warning", "other"), ()),
        (firing("Down", "critical"), firing("Slow", "warning"), ()),
        (firing("Down", "warning", "load"), firing("Slow", "info", "load"), ()),
        (firing("Down", "critical", "load"), firing("Gone", "critical", "load"), ()),
        (
            firing("Down", "critical", "load", host="a"),
            firing("Slow", "warning", "load", host="a", route="/x"),
            ("Down",),
        ),
        (firing("Down", "critical", "load", host="a"), firing("Slow", "warning", "load", host="b"), ()),
        (firing("Down", "critical", "load"), firing("Slow", "warning", "load", host="b"), ("Down",)),
    ],
)
def test_a_critical_alert_mutes_what_is_less_of_its_family_where_no_label_says_otherwise(other, of, expected):
    assert mutes(other, of=of).muted_by == expected


def test_silences_that_match_are_named():
    def silence(name, **matchers):
        return Silence(id=name, matchers=matchers, created_at=0, expires_at=9, author="", reason="")

    found = mutes(
        of=firing("Slow", host="a"),
        silences=[silence("1", rule="Slow"), silence("2", rule="x"), silence("3", host="a")],
    )
    assert found == Muted(silenced_by=("1", "3"))
    assert found
    assert not Muted()

import pytest

from socketscope.alerting import Alerting
from socketscope.config import Settings

MANAGER = {"type": "alertmanager", "urls": ["http://127.0.0.1:1"]}


def settings(repeat, **options):
    return Settings(alerts={"repeat": repeat}, notifiers={"manager": {**MANAGER, **options}})


def test_an_alertmanager_holds_an_alert_until_it_is_told_again():
    assert list(Alerting.of(settings("4h")).notifiers) == ["manager"]
    assert list(Alerting.of(settings("12h", hold=50_000)).notifiers) == ["manager"]


@pytest.mark.parametrize(
    ("repeat", "expected"), [("5h", "more than alerts.repeat (18000 s)"), (0, "alerts.repeat to be more than 0")]
)
def test_one_that_would_call_it_resolved_before_that_is_a_mistake(repeat, expected):
    with pytest.raises(ExceptionGroup) as caught:
        Alerting.of(settings(repeat))
    (mistake,) = caught.value.exceptions
    assert (mistake.setting, mistake.expected) == ("notifiers.manager.hold", expected)

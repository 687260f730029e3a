import pytest

from socketscope.alerts.options import AlertOptions
from socketscope.alerts.routing import Routing
from socketscope.errors import ConfigurationError

NOTIFIERS = ("pager", "mail", "slack")


def routing(**options):
    return Routing(AlertOptions(**options), NOTIFIERS)


def test_without_routes_everybody_is_told_of_everything():
    assert routing().of("Rule", "info", {}) == NOTIFIERS


def test_the_first_route_that_an_alert_matches_counts():
    found = routing(
        routes=[
            {"labels": {"rule": "Noisy*"}, "notify": []},
            {"severity": "critical", "labels": {"team": "chat"}, "notify": ["pager", "slack", "pager"]},
            {"severity": "critical", "notify": ["pager", "mail"]},
            {"notify": ["slack"]},
        ]
    )
    assert found.of("NoisyRule", "critical", {}) == ()
    assert found.of("Rule", "critical", {"team": "chat"}) == ("pager", "slack")
    assert found.of("Rule", "critical", {"team": "other"}) == ("pager", "mail")
    assert found.of("Rule", "warning", {"team": "chat"}) == ("slack",)


def test_an_alert_that_no_route_matches_is_told_to_nobody():
    assert routing(routes=[{"severity": "critical", "notify": ["pager"]}]).of("Rule", "info", {}) == ()


def test_every_name_that_there_is_no_notifier_of_is_a_mistake_that_names_the_others():
    with pytest.raises(ExceptionGroup) as caught:
        routing(
            routes=[{"notify": ["pager", "pagr"]}, {"notify": ["male"]}],
            heartbeat={"notify": ["hart"], "interval": "5m"},
        )
    assert all(isinstance(one, ConfigurationError) for one in caught.value.exceptions)
    assert [str(one).partition(" can't")[0] for one in caught.value.exceptions] == [
        "alerts.routes.0.notify='pagr'",
        "alerts.routes.1.notify='male'",
        "alerts.heartbeat.notify='hart'",
    ]
    assert "pager, mail, slack" in str(caught.value.exceptions[0])

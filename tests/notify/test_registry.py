import pytest
from pydantic import TypeAdapter

from notify.conftest import notification
from socketscope.errors import ConfigurationError
from socketscope.notify.blackhole import KEPT, Blackhole
from socketscope.notify.registry import TYPES, Notifiers, build, build_all

SECTION = {
    "mail": {"type": "email", "host": "mail.example.com", "sender": "a@example.com", "to": ["b@example.com"]},
    "chat": {"type": "slack", "token": "xoxb-1", "channel": "#alerts"},
    "phone": {
        "type": "sms",
        "account": "AC" + "0" * 32,
        "auth_token": "t",
        "sender": "+15005550006",
        "to": "+14155552671",
    },
    "pager": {"type": "pagerduty", "routing_key": "0" * 32},
    "hook": {"type": "webhook", "url": "https://hooks.example.com"},
    "am": {"type": "alertmanager", "urls": ["http://127.0.0.1:9093"]},
    "other": {"type": "apprise", "url": "json://127.0.0.1:1"},
    "nobody": {"type": "blackhole"},
}


def read(section):
    return TypeAdapter(Notifiers).validate_python(section)


def test_every_type_is_built_from_its_options_under_its_name():
    built = build_all(read(SECTION))
    assert {name: notifier.name for name, notifier in built.items()} == {name: name for name in SECTION}
    assert {entry["type"] for entry in SECTION.values()} == set(TYPES)


def test_the_type_in_the_options_is_the_one_in_the_registry():
    for name, kind in TYPES.items():
        assert kind.options.model_fields["type"].default == name


def test_every_option_is_described():
    for kind in TYPES.values():
        assert kind.options.__doc__
        for name, field in kind.options.model_fields.items():
            assert name == "type" or field.description, f"{kind.options.__name__}.{name}"


def test_all_that_can_not_be_built_is_told_at_once_by_name():
    section = {name: {"type": "apprise", "url": "nonsense://x"} for name in ("one", "two")}
    with pytest.raises(ExceptionGroup) as group:
        build_all(read({**section, "nobody": {"type": "blackhole"}}))
    assert [error.setting for error in group.value.exceptions] == ["notifiers.one.url", "notifiers.two.url"]


def test_certificates_that_are_not_there_are_told_by_the_notifier_s_name(tmp_path):
    options = read({"mail": {**SECTION["mail"], "ca_file": str(tmp_path / "nowhere.pem")}})
    with pytest.raises(ConfigurationError, match=r"notifiers\.mail\.ca_file"):
        build("mail", options["mail"])


@pytest.mark.anyio
async def test_a_blackhole_keeps_what_it_is_given_and_not_forever():
    hole = Blackhole()
    assert (await hole.send(notification(), thread="t")).delivered
    assert (hole.sent, hole.threads) == ([notification()], ["t"])
    for _ in range(KEPT):
        await hole.send(notification())
    assert len(hole.sent) == len(hole.threads) == KEPT

import os
from pathlib import Path

import pytest

from socketscope import config
from socketscope.errors import ConfigurationError

SECRET = "correct-horse-battery"


@pytest.fixture(autouse=True)
def empty_surroundings(monkeypatch, tmp_path):
    for name in os.environ:
        if name.startswith(config.PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def load(text):
    Path("socketscope.yaml").write_text(text)
    return config.load()


def mistakes(text):
    try:
        load(text)
    except ConfigurationError as error:
        return [str(error)]
    except ExceptionGroup as group:
        return [str(error) for error in group.exceptions]
    return []


MAIL = "notifiers: {ops: {type: email, host: h.example, sender: a@b.example, to: [c@d.example], username: u, %s}}"


@pytest.mark.parametrize("key", ["password_env: MAIL_PASSWORD", "password_file: mail-password"])
def test_a_secret_comes_from_the_environment_or_a_file(monkeypatch, key):
    monkeypatch.setenv("MAIL_PASSWORD", SECRET)
    Path("mail-password").write_text(f"{SECRET}\n")
    settings = load(MAIL % key)
    assert settings.notifiers["ops"].password.get_secret_value() == SECRET
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert SECRET not in shown


@pytest.mark.parametrize(
    ("key", "named", "expected"),
    [
        (f"password: {SECRET}", "socketscope.yaml: notifiers.ops.password='(hidden)'", "password_env (the name of"),
        ("password_env: NOWHERE", "socketscope.yaml: notifiers.ops.password_env='NOWHERE'", "variable that is set"),
        (f"password_env: {SECRET}", "socketscope.yaml: notifiers.ops.password_env='(hidden)'", "variable that is set"),
        ("password_env: [1]", "socketscope.yaml: notifiers.ops.password_env='(hidden)'", "variable that is set"),
        (
            "password_file: nowhere",
            "socketscope.yaml: notifiers.ops='(hidden)'",
            "password_file (nowhere: No such file",
        ),
        ("port: 0", "socketscope.yaml: notifiers.ops.port=0", "greater than or equal to 1"),
        ("passwort: 1", "socketscope.yaml: notifiers.ops.passwort='(hidden)'", "password_env, password_file"),
        ("to: [nobody]", "socketscope.yaml: notifiers.ops.to.0='nobody'", "an address"),
    ],
)
def test_a_mistake_names_file_notifier_and_key_and_tells_no_secret(key, named, expected):
    text = MAIL % key if "password" in key else (MAIL % key).replace("username: u, ", "")
    (mistake,) = mistakes(text.replace("to: [c@d.example], ", "") if key.startswith("to") else text)
    assert mistake.startswith(named)
    assert expected in mistake
    assert SECRET not in mistake


@pytest.mark.parametrize(
    ("text", "named", "expected"),
    [
        ("notifiers: {x: {type: pigeon}}", "socketscope.yaml: notifiers.x.type='pigeon'", "one of email, slack"),
        ("notifiers: {x: {host: h}}", "socketscope.yaml: notifiers.x.type=None", "one of email, slack"),
        ("notifiers: {x: 3}", "socketscope.yaml: notifiers.x", ""),
        ("notifiers: {x: {type: [1]}}", "socketscope.yaml: notifiers.x", ""),
        ("notifiers: 3", "socketscope.yaml: notifiers=3", ""),
        ("notifiers: {'a b': {type: blackhole}}", "socketscope.yaml: notifiers.a b='the name'", "letters, digits"),
        ("notifiers: {x: {type: slack, channel: c}}", "socketscope.yaml: notifiers.x='(hidden)'", "token_env"),
        ("notifiers: {x: {type: alertmanager}}", "socketscope.yaml: notifiers.x.urls=None", "a value"),
        ("notifiers: {x: {type: webhook, url: 'h/SECRETPATH'}}", "socketscope.yaml: notifiers.x.url='(h", "http://"),
        ("notifiers: {x: {type: webhook, url: a, url_env: B}}", "socketscope.yaml: notifiers.x.url='(h", "one of url"),
    ],
)
def test_what_is_no_notifier_is_one_mistake(text, named, expected):
    (mistake,) = mistakes(text)
    assert mistake.startswith(named)
    assert expected in mistake
    assert "SECRETPATH" not in mistake


def test_the_address_of_a_webhook_may_be_written_and_is_not_shown():
    settings = load("notifiers: {x: {type: webhook, url: 'http://h/SECRETPATH'}}")
    assert settings.notifiers["x"].url.get_secret_value() == "http://h/SECRETPATH"
    assert "SECRETPATH" not in repr(settings)


def test_all_mistakes_are_told_at_once():
    found = mistakes(
        "console: {port: high}\n"
        "notifiers: {a: {type: slack, token: t, channel: c, x: 1}, b: {type: slack, token_env: NO}}"
    )
    assert sorted(mistake.partition("=")[0].partition(": ")[2] for mistake in found) == [
        "console.port",
        "notifiers.a.token",
        "notifiers.a.x",
        "notifiers.b.channel",
        "notifiers.b.token_env",
    ]


@pytest.mark.parametrize(
    "written",
    [
        f"notifiers: {{a: {{type: alertmanager, urls: ['http://ops:{SECRET}@alerts.example']}}}}",
        f"notifiers: {{a: {{type: slack, token_env: HOME, channel: c, url: 'https://ops:{SECRET}@chat.example'}}}}",
        f"backend: {{kind: prometheus, url: 'http://{SECRET}@prometheus.example'}}",
    ],
)
def test_an_address_that_is_shown_has_no_password_and_the_mistake_does_not_show_it(written):
    (mistake,) = mistakes(written)
    assert "without a name and a password" in mistake
    assert "://(hidden)@" in mistake
    assert SECRET not in mistake


def test_the_address_of_a_webhook_is_never_shown_and_may_have_a_password():
    (webhook,) = load(
        f"notifiers: {{a: {{type: webhook, url: 'http://ops:{SECRET}@hook.example'}}}}"
    ).notifiers.values()
    assert SECRET not in repr(webhook)

import json

import pytest

from doubles.http_double import Reply
from doubles.receiver_double import ReceiverDouble

TOKEN = "token-of-the-hook"


@pytest.fixture
def run(socketscope, tmp_path):
    """Runs `socketscope notify` where `socketscope.yaml` says `text`."""

    def run(*arguments, text=None):
        if text is not None:
            (tmp_path / "socketscope.yaml").write_text(text)
        environment = {"PATH": "", "HOOK_TOKEN": TOKEN, "HOOK_URL": "{}"}
        return socketscope("notify", *arguments, cwd=tmp_path, environment=environment)

    return run


def hook(tmp_path, double):
    (tmp_path / "url").write_text(f"{double.url}/hook")
    return "notifiers: {hook: {type: webhook, url_file: url, bearer_env: HOOK_TOKEN}, hole: {type: blackhole}}"


def test_a_test_notification_is_sent_and_its_receipt_is_printed(run, tmp_path):
    with ReceiverDouble() as double:
        ran = run("test", "hook", text=hook(tmp_path, double))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "hook: delivered (200)\n", "")
    [asked] = double.asked
    assert json.loads(asked.body)["status"] == "test"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply("no", 403), "hook: not delivered, trying again will not help (403: no)\n"),
        (Reply("busy", 429, {"Retry-After": "9"}), "hook: not delivered, try again in 9 s (429: busy)\n"),
        (Reply(f"bad {TOKEN}", 500), "hook: not delivered, try again (500: bad (hidden))\n"),
    ],
)
def test_what_was_not_delivered_is_exit_code_1(run, tmp_path, reply, said):
    with ReceiverDouble(reply) as double:
        ran = run("test", "hook", text=hook(tmp_path, double))
    assert (ran.returncode, ran.stdout) == (1, said)


def test_an_unknown_name_lists_the_known_ones(run):
    ran = run("test", "ops", text="notifiers: {b: {type: blackhole}, a: {type: blackhole}}")
    assert ran.returncode == 2
    assert ran.stderr == "NAME='ops' can't be used: expected one of the notifiers (a, b).\n"


def test_without_any_notifier_it_says_where_one_is_added(run):
    for arguments in (["test", "ops"], ["list"]):
        assert "section 'notifiers'" in run(*arguments).stderr


def test_the_notifiers_are_listed_with_their_types(run, tmp_path):
    text = "notifiers: {hole: {type: blackhole}, longer: {type: apprise, url_env: HOOK_URL}}"
    ran = run("list", "--config", "other.yaml")
    assert ran.returncode == 2
    (tmp_path / "other.yaml").write_text(text)
    assert run("list", "--config", "other.yaml").stdout == "hole    blackhole\nlonger  apprise\n"

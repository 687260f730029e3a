"""No secret of a notifier is in a log record, a repr, a receipt or an exception."""

import logging
import traceback

import pytest

from doubles.http_double import Reply
from doubles.receiver_double import HANG, ReceiverDouble
from notify.conftest import notification
from notify.notifiers import CASES
from notify.smtp_server import PASSWORD, USER, Box, server
from socketscope.demo.stack.options import HOST, free_port
from socketscope.errors import ConfigurationError
from socketscope.notify.apprise import AppriseOptions
from socketscope.notify.email import Email, EmailOptions
from socketscope.notify.registry import build
from socketscope.notify.secrets import Secrets

pytestmark = pytest.mark.anyio


@pytest.fixture
def told(caplog):
    """Everything that was said: of log records their text, arguments, and exceptions."""
    caplog.set_level(0)

    def everything(*more):
        records = []
        for record in caplog.records:
            if record.name == "mail.log":  # the server of the test, which is no part of what is tested
                continue
            records += [record.getMessage(), repr(record.args), record.exc_text or ""]
            if record.exc_info:
                records.append("".join(traceback.format_exception(*record.exc_info)))
        return "\n".join([*records, *map(repr, more), *map(str, more)])

    return everything


@pytest.fixture(autouse=True)
def every_logger(monkeypatch):
    """Every library logs as much as it can."""
    for name in ("httpx2", "httpcore2", "apprise", "urllib3", "mail", "asyncio"):
        monkeypatch.setattr(logging.getLogger(name), "level", 1)


class Echo(ReceiverDouble):
    """Repeats what it was asked: address, headers and body."""

    def __init__(self, status):
        super().__init__()
        self.status = status

    def take(self, asked):
        return Reply({"error": f"{asked.path} {asked.query} {asked.headers} {asked.body}"}, self.status)


@pytest.mark.parametrize("case", CASES, ids=[case.kind for case in CASES])
@pytest.mark.parametrize("status", [200, 400, 500])
async def test_a_receiver_that_repeats_the_request_makes_nobody_tell_a_secret(case, status, told):
    with Echo(status) as double:
        notifier = case.make(double.url)
        receipt = await notifier.send(notification())
    said = told(notifier, receipt, vars(notifier), notifier._options)
    for secret in case.secrets:
        assert secret not in said
    assert "HTTP" in said  # the libraries have logged


@pytest.mark.parametrize("case", CASES, ids=[case.kind for case in CASES])
async def test_no_failure_tells_a_secret(case, told):
    receipts = [await case.make(f"http://{HOST}:{free_port()}").send(notification())]
    with case.double(HANG) as double:
        receipts.append(await case.make(double.url, timeout=0.2).send(notification()))
    said = told(*receipts)
    assert not any(receipt.delivered for receipt in receipts)
    for secret in case.secrets:
        assert secret not in said


async def test_a_mail_server_that_repeats_the_login_makes_nobody_tell_the_password(authority, ca_file, told):
    box = Box(data=f"554 {USER} {PASSWORD} refused")
    controller = server(box, authority=authority, login=True)
    controller.start()
    try:
        options = EmailOptions(
            host=HOST,
            port=controller.port,
            ca_file=ca_file,
            username=USER,
            password=PASSWORD,
            sender="a@example.com",
            to=["b@example.com"],
        )
        notifier = Email("ops", options)
        receipt = await notifier.send(notification())
    finally:
        controller.stop()
    assert "554" in receipt.detail
    assert PASSWORD not in told(notifier, receipt, vars(notifier), options, options.model_dump_json())


def test_an_address_that_apprise_does_not_know_is_refused_and_not_shown(told):
    with pytest.raises(ConfigurationError) as error:
        build("other", AppriseOptions(url="nonsense://TOKENTOKEN/x"))
    assert "TOKENTOKEN" not in told(error.value)
    assert "notifiers.other.url" in str(error.value)


def test_a_secret_is_hidden_in_every_form_in_which_it_travels():
    from pydantic import SecretStr

    secrets = Secrets(
        SecretStr("p@ss word"), addresses=[SecretStr("https://u:s3cr%2Ft@host/path/TOKENTOKEN?k=VALUEVALUE")]
    )
    text = "p@ss word, p%40ss%20word, p%40ss+word, s3cr/t, s3cr%2Ft, TOKENTOKEN, VALUEVALUE, cEBzcyB3b3Jk; host"
    assert secrets.scrub(text) == ", ".join(["(hidden)"] * 8) + "; host"

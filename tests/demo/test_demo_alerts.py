import hashlib
import io
import os
import smtplib
import sys
import threading
from email.message import EmailMessage

import pytest
from rich.console import Console as Terminal
from stand_ins import STATS, StandIns

from socketscope.demo.stack import alerts, programs
from socketscope.demo.stack.display import Display
from socketscope.demo.stack.options import Options, free_port
from socketscope.demo.stack.process import Process
from socketscope.demo.stack.run import Demo
from socketscope.demo.stack.summary import Summary

FIRED, ENDED = "2026-11-20T09:30:00Z", "2026-11-20T09:30:07Z"


def told(status, fate="delivered"):
    return {"notifier": "mail", "status": status, "key": f"key-{status}", "fate": fate, "delivered_at": ENDED}


def history(*statuses, rule=alerts.RULE, ended_at=ENDED, end="resolved", fate="delivered"):
    return {
        "rule": rule,
        "fired_at": FIRED,
        "ended_at": ended_at,
        "end": end,
        "told": [told(status, fate) for status in reversed(statuses)],
    }


def mails(*statuses):
    return [
        {"key": hashlib.sha256(f"key-{status}".encode()).hexdigest()[:40], "subject": f"it is {status}"}
        for status in statuses
    ]


BOTH = ("firing", "resolved")


def test_an_alert_that_fired_resolved_and_was_told_of_is_whole():
    found = alerts.read({"history": [history(*BOTH)]}, mails(*BOTH))
    assert found == [
        {
            "rule": alerts.RULE,
            "fired_at": FIRED,
            "resolved_at": ENDED,
            "delivered": [
                {"notifier": "mail", "status": "firing", "at": ENDED, "mail": "it is firing"},
                {"notifier": "mail", "status": "resolved", "at": ENDED, "mail": "it is resolved"},
            ],
        }
    ]
    assert alerts.missing(found) == []


@pytest.mark.parametrize(
    ("answer", "arrived", "expected"),
    [
        ([], (), ["did not fire"]),
        ([history(*BOTH, rule="Another")], BOTH, ["did not fire"]),
        ([history("firing", ended_at=None, end=None)], ("firing",), ["did not resolve", "No mail that it is resolved"]),
        ([history(*BOTH, end="removed")], BOTH, ["did not resolve"]),
        ([history(*BOTH)], ("firing",), ["No mail that it is resolved"]),
        ([history(*BOTH)], (), ["No mail that it is firing", "No mail that it is resolved"]),
        ([history(*BOTH, fate="dead")], (), ["No mail that it is firing", "No mail that it is resolved"]),
    ],
)
def test_what_has_not_come_about_is_said(answer, arrived, expected):
    found = alerts.missing(alerts.read({"history": answer}, mails(*arrived)))
    assert len(found) == len(expected)
    for sentence, part in zip(found, expected, strict=True):
        assert part in sentence


def test_the_sink_takes_a_mail_over_smtp_and_writes_down_what_is_in_it(tmp_path, eventually):
    mailbox = alerts.Mailbox(tmp_path)
    assert mailbox.mails() == []
    process = Process(programs.mail(mailbox), directory=tmp_path, environment=os.environ)
    try:
        eventually(mailbox.ready)
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"], mail["X-Socketscope-Key"] = "a@b.c", "d@e.f", "café", "key"
        mail.set_content("What happened: ¡nada!")
        with smtplib.SMTP("127.0.0.1", mailbox.port) as connection:
            connection.send_message(mail)
        (taken,) = mailbox.mails()
        assert taken == {
            "to": ["d@e.f"],
            "subject": "café",
            "key": "key",
            "images": 0,
            "text": "What happened: ¡nada!\n",
        }
        process.stop(grace=10)
        assert (process.code, process.killed) == (0, False)
    finally:
        process.kill()


def run(tmp_path, monkeypatch, **options):
    monkeypatch.setattr("socketscope.demo.stack.run.ALERT", 0.3)
    ports = {name: free_port() for name in ("port", "store_grpc_port", "store_http_port", "chat_port")}
    return Demo(
        Options(**ports, **options),
        directory=tmp_path,
        environment=os.environ,
        display=Display(Terminal(file=io.StringIO(), width=200)),
        stop=threading.Event(),
        commands=StandIns(measured=STATS | {"history": []}),
    ).run()


def test_a_bounded_run_whose_alert_does_not_fire_says_so(tmp_path, monkeypatch):
    found = run(tmp_path, monkeypatch, duration=5)
    assert found.equal
    assert found.missing_alerts == (f"The alert {alerts.RULE} did not fire.",)
    assert found.as_dict()["missing_alerts"] == list(found.missing_alerts)
    shown = io.StringIO()
    found.show(Terminal(file=shown, width=200))
    assert "did not fire" in shown.getvalue()


def test_of_a_run_that_ends_when_it_pleases_somebody_no_alert_is_demanded(tmp_path, monkeypatch):
    assert run(tmp_path, monkeypatch).missing_alerts == ()


def test_an_alert_without_its_mail_gives_the_exit_code_of_a_difference(tmp_path, monkeypatch):
    from socketscope.cli import demo

    def pretend(self):
        column = dict.fromkeys(STATS, 3)
        return Summary(
            ledger=column,
            measured=column,
            events={},
            collector=None,
            collector_accepted=None,
            startup_seconds=1.0,
            seconds=2.0,
            missing_alerts=("No mail.",),
        )

    monkeypatch.setattr(Demo, "run", pretend)
    monkeypatch.setattr(sys, "argv", ["socketscope", "demo", "--no-open", "--duration", "1"])
    with pytest.raises(demo.typer.Exit) as ended:
        demo.demo(duration=1.0, open_browser=False)
    assert ended.value.exit_code == demo.DIFFERENT

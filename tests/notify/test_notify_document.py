"""A report by each notifier that can carry one."""

import json

import pytest

from doubles.receiver_double import ReceiverDouble
from doubles.slack_double import SlackDouble
from doubles.twilio_double import TwilioDouble
from notify.conftest import PNG, report
from notify.notifiers import CASES
from notify.smtp_server import Box, mailer, serving
from socketscope.notify.registry import TYPES

pytestmark = pytest.mark.anyio


def case(kind):
    return next(one for one in CASES if one.kind == kind)


async def test_a_mail_has_it_as_text_and_as_a_page_with_its_pictures_beside_it():
    box = Box()
    with serving(box) as controller:
        assert (await mailer(controller).send(report())).delivered
    [(_, mail)] = box.mails
    assert mail["Subject"] == "WebSockets on Monday: 1,234 connections"
    assert mail.get_content_type() == "multipart/alternative"
    text, related = mail.iter_parts()
    assert text.get_content().replace("\r\n", "\n") == report().document.text
    assert related.get_content_type() == "multipart/related"
    page, picture = related.iter_parts()
    assert page.get_content().strip() == report().document.page
    assert (picture.get_content_type(), picture["Content-ID"]) == ("image/png", "<hours@report>")
    assert picture.get_content_disposition() == "inline"
    assert picture.get_content() == PNG


async def test_reports_are_no_thread_and_have_no_priority():
    box = Box()
    with serving(box) as controller:
        for key in ("report:2026-11-23:UTC", "report:2026-11-24:UTC", "report:2026-11-23:UTC"):
            assert (await mailer(controller).send(report(key=key, fingerprint=key))).delivered
    monday, tuesday, again = (mail for _, mail in box.mails)
    assert monday["References"] is None
    assert monday["X-Priority"] is None
    assert monday["Message-ID"] == again["Message-ID"] != tuesday["Message-ID"]


async def test_slack_gets_it_as_markdown_and_an_address():
    with SlackDouble() as slack:
        assert (await case("slack").make(slack.url).send(report())).delivered
        [message] = slack.messages.values()
    assert message["text"] == "WebSockets on Monday: 1,234 connections"
    markdown, context = message["blocks"]
    assert markdown == {"type": "markdown", "text": report().document.markdown}
    assert "https://console.example/reports/2026-11-23.html" in context["elements"][0]["text"]
    assert "attachments" not in message


async def test_a_webhook_gets_the_figures():
    with ReceiverDouble() as double:
        assert (await case("webhook").make(double.url).send(report())).delivered
        body = json.loads(double.asked[0].body)
    assert body["status"] == "report"
    assert body["report"]["data"] == {"summary": {"total_connections": 1234}}
    assert body["report"]["markdown"] == report().document.markdown


async def test_an_sms_is_the_title_and_the_address_where_both_fit():
    with TwilioDouble() as double:
        assert (await case("sms").make(double.url).send(report())).delivered
        body = double.asked[0].body.decode()
    assert "Body=WebSockets+on+Monday%3A+1%2C234+connections+https%3A%2F%2Fconsole.example" in body


async def test_apprise_gets_a_few_sentences_and_the_address():
    with ReceiverDouble() as double:
        assert (await case("apprise").make(double.url).send(report())).delivered
        body = json.loads(double.asked[0].body)
    assert body["title"] == "WebSockets on Monday: 1,234 connections"
    assert "A quiet day." in body["message"]
    assert "https://console.example/reports/2026-11-23.html" in body["message"]
    assert body["type"] == "info"


def test_what_wakes_people_takes_no_reports():
    assert {name for name, kind in TYPES.items() if not kind.takes_reports} == {"pagerduty", "alertmanager"}

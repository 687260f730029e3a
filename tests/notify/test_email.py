import pytest
from pydantic import ValidationError

from notify.conftest import AT, notification, resolved
from notify.smtp_server import PASSWORD, USER, Box, mailer, serving
from socketscope.notify.email import Email, EmailOptions

pytestmark = pytest.mark.anyio


LOGIN = {"username": USER, "password": PASSWORD}


@pytest.mark.parametrize(("security", "implicit"), [("starttls", False), ("tls", True)])
async def test_a_mail_arrives_over_tls_after_a_login(authority, ca_file, security, implicit):
    box = Box()
    with serving(box, authority=authority, implicit=implicit, login=True) as controller:
        receipt = await mailer(controller, security=security, ca_file=ca_file, **LOGIN).send(notification())
    assert receipt.delivered, receipt
    [(envelope, mail)] = box.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == ("alerts@example.com", ["ops@example.com"])
    assert box.logins == [(USER.encode(), PASSWORD.encode())]
    assert mail["Subject"] == "[CRITICAL] HighErrorRatio: 12 % of the messages failed"
    assert mail["From"] == "Alerts <alerts@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime.timestamp() == AT
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    text, page = (part.get_content() for part in mail.iter_parts())
    for shown in ("Connections", "512", "81.2 %", "1,234", "1 d 2 h", "not available", "https://runbooks.example/high"):
        assert shown in text
        assert shown in page


async def test_all_mails_of_an_alert_are_one_thread_and_a_repeated_one_is_the_same_mail():
    box = Box()
    with serving(box) as controller:
        sender = mailer(controller)
        for told in (notification(), notification(), resolved(), notification(fingerprint="other", key="other")):
            assert (await sender.send(told)).delivered
    first, again, end, other = (mail for _, mail in box.mails)
    assert first["Message-ID"] == again["Message-ID"]
    assert len({mail["Message-ID"] for mail in (first, end, other)}) == 3
    assert first["References"] == end["References"] == end["In-Reply-To"]
    assert other["References"] != first["References"]
    assert end["Subject"].startswith("[RESOLVED] ")


async def test_hostile_labels_are_harmless_in_text_and_html_and_headers():
    box = Box()
    hostile = "<script>alert(1)</script>\r\nBcc: everybody@example.com"
    with serving(box) as controller:
        told = notification(summary=hostile, rule=f"R{hostile}", labels={hostile: hostile}, runbook="javascript:x()")
        assert (await mailer(controller).send(told)).delivered
    [(envelope, mail)] = box.mails
    assert envelope.rcpt_tos == ["ops@example.com"]
    assert mail["Bcc"] is None
    page = mail.get_body(("html",)).get_content()
    assert "<script" not in page
    assert 'href="javascript' not in page
    assert "\nBcc" not in mail.get_body(("plain",)).get_content()


@pytest.mark.parametrize(
    ("box", "options", "again", "detail"),
    [
        (Box(data="554 5.7.1 refused as spam"), {}, False, "the mail was refused: 554"),
        (Box(data="452 4.3.1 mailbox full"), {}, True, "the mail was refused: 452"),
        (Box(refuse={"ops@example.com": "550 no such user"}), {}, False, "550 no such user (ops@example.com)"),
        (Box(refuse={"ops@example.com": "451 greylisted"}), {}, True, "451 greylisted"),
        (Box(cut=True), {}, True, "could not be reached"),
        (Box(hang=True), {"timeout": 0.3}, True, ""),
        (Box(), {"security": "starttls"}, False, "can't do what is needed"),
        (Box(), {"security": "tls"}, True, ""),
    ],
)
async def test_what_a_server_refuses_for_good_is_not_tried_again(box, options, again, detail):
    with serving(box) as controller:
        receipt = await mailer(controller, **options).send(notification())
    assert not receipt.delivered
    assert receipt.again is again
    assert detail in receipt.detail


async def test_a_wrong_password_is_for_somebody_to_mend(authority, ca_file):
    box = Box()
    with serving(box, authority=authority, login=True) as controller:
        wrong = {"username": USER, "password": "wrong-horse-battery"}
        receipt = await mailer(controller, security="starttls", ca_file=ca_file, **wrong).send(notification())
    assert (receipt.delivered, receipt.again) == (False, False)
    assert "the login was refused: 535" in receipt.detail
    assert "horse" not in receipt.detail
    assert not box.mails


@pytest.mark.parametrize(("security", "implicit"), [("starttls", False), ("tls", True)])
async def test_a_server_whose_certificate_nobody_vouches_for_gets_no_mail_and_no_password(
    authority, security, implicit
):
    box = Box()
    with serving(box, authority=authority, implicit=implicit, login=True) as controller:
        receipt = await mailer(controller, security=security, **LOGIN).send(notification())
    assert (receipt.delivered, receipt.again) == (False, True)
    assert "certificate" in receipt.detail.lower()
    assert not box.logins
    assert not box.mails


async def test_one_recipient_that_is_not_taken_does_not_keep_the_mail_from_the_others():
    box = Box(refuse={"gone@example.com": "550 no such user"})
    with serving(box) as controller:
        sender = Email(
            "ops",
            EmailOptions(
                host=controller.hostname,
                port=controller.port,
                security="none",
                sender="alerts@example.com",
                to=["ops@example.com", "gone@example.com"],
            ),
        )
        receipt = await sender.send(notification())
    assert receipt.delivered
    assert "not taken for gone@example.com: 550" in receipt.detail
    assert len(box.mails) == 1


async def test_where_nobody_listens_it_is_worth_another_attempt():
    with serving(Box()) as controller:
        pass
    receipt = await mailer(controller).send(notification())
    assert (receipt.delivered, receipt.again) == (False, True)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"to": []}, "at least 1 item"),
        ({"to": ["nobody"]}, "ops@example.com"),
        ({"sender": "a@b\nBcc: c@d"}, "ops@example.com"),
        ({"username": "me"}, "both or none"),
        ({"username": "me", "password": "p", "security": "none"}, "as a password is sent"),
        ({"username": "me", "password": " "}, "not empty"),
        ({"timeout": 0}, "greater than 0"),
    ],
)
def test_options_that_can_not_work_are_refused(options, expected):
    given = {"host": "mail.example.com", "sender": "a@example.com", "to": ["b@example.com"], **options}
    with pytest.raises(ValidationError, match=expected):
        EmailOptions(**given)

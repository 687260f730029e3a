"""E-mail over SMTP: text and HTML, one thread of mails for each alert; a report with its pictures."""

from __future__ import annotations

import hashlib
import socket
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import aiosmtplib
from pydantic import AfterValidator, Field, SecretStr, model_validator
from typing_extensions import override

from socketscope.addresses import is_loopback
from socketscope.notify.attempt import attempt
from socketscope.notify.base import Notification, Notifier, Receipt
from socketscope.notify.document import Document
from socketscope.notify.http import trusted
from socketscope.notify.options import Options, plain_text
from socketscope.notify.secrets import Secrets
from socketscope.notify.text import plain, subject
from socketscope.notify.text_html import html

_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
_PRIORITY: Final = {"critical": "1 (Highest)", "warning": "3 (Normal)", "info": "5 (Lowest)"}


def _is_mailbox(text: str) -> str:
    _, address = parseaddr(text)
    local, _, domain = address.rpartition("@")
    if not local or not domain or not address.isascii() or " " in address or not text.isprintable():
        raise ValueError("an address, as ops@example.com or Operations <ops@example.com>")
    return text


Mailbox = Annotated[str, AfterValidator(_is_mailbox)]


class EmailOptions(Options):
    """E-mail over SMTP."""

    type: Literal["email"] = "email"
    host: str = Field(min_length=1)
    """Name of the mail server."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Its port; by default 587 for `starttls`, 465 for `tls`, 25 for `none`."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`starttls` (a server that does not offer it gets no mail), `tls` from the first byte, or `none`."""
    ca_file: Path | None = None
    """Certificates (PEM) to trust in place of the system's, for a server of one's own authority."""
    username: str | None = None
    """Name to log in with; without one nobody logs in."""
    password: SecretStr | None = None
    """Password to log in with."""
    sender: Mailbox
    """Address that the mail is from."""
    to: list[Mailbox] = Field(min_length=1)
    """Addresses that the mail goes to."""

    @model_validator(mode="after")
    def _logs_in_safely(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password_env (or password_file), both or none")
        if self.username and self.security == "none" and not is_loopback(self.host):
            raise ValueError("security: starttls or tls, as a password is sent")
        return self


class Email(Notifier):
    """Sends one mail for each notification.

    `Message-ID` is made of the notification's key: what is sent twice is the same mail to a mail program.
    `References` names the alert, so that all mails of one alert stand in one thread.
    """

    def __init__(self, name: str, options: EmailOptions) -> None:
        self.name = name
        self._options = options
        self._secrets = Secrets(options.password)
        self._tls = trusted(options.ca_file) if options.security != "none" else None

    @override
    async def send(self, notification: Notification, *, thread: str | None = None) -> Receipt:
        """Send a mail."""
        return await attempt(self._send(notification), seconds=self._options.timeout, secrets=self._secrets)

    async def _send(self, notification: Notification) -> Receipt:
        options = self._options
        try:
            refused, answer = await aiosmtplib.send(
                compose(notification, sender=options.sender, to=options.to),
                hostname=options.host,
                port=options.port or _PORTS[options.security],
                use_tls=options.security == "tls",
                start_tls=options.security == "starttls",
                tls_context=self._tls,
                username=options.username,
                password=plain_text(options.password) or None,
                # By default the resolver is asked for this machine's name, and everything waits for it.
                local_hostname=socket.gethostname(),
                timeout=options.timeout,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            answers = [(one.code, f"{one.message} ({one.recipient})") for one in error.recipients]
            return _refusal("no recipient was taken", answers)
        except aiosmtplib.SMTPResponseException as error:
            return _refusal(_STEPS.get(type(error), "refused"), [(error.code, error.message)])
        except (aiosmtplib.SMTPException, OSError) as error:
            # Where STARTTLS or a login is not offered, the library raises the root of its errors itself.
            if type(error) in (aiosmtplib.SMTPException, aiosmtplib.SMTPNotSupported):
                return Receipt(delivered=False, detail=f"the server can't do what is needed: {error}")
            return Receipt(delivered=False, again=True, detail=f"the server could not be reached: {error}")
        lost = "".join(f"; not taken for {to}: {why.code} {why.message}" for to, why in refused.items())
        return Receipt(delivered=True, detail=f"{answer}{lost}")


_STEPS: Final[dict[type[aiosmtplib.SMTPException], str]] = {
    aiosmtplib.SMTPAuthenticationError: "the login was refused",
    aiosmtplib.SMTPSenderRefused: "the sender was refused",
    aiosmtplib.SMTPDataError: "the mail was refused",
    aiosmtplib.SMTPHeloError: "the greeting was refused",
}


def compose(notification: Notification, *, sender: str, to: list[str]) -> EmailMessage:
    """Return the mail."""
    domain = parseaddr(sender)[1].rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = subject(notification)
    mail["Date"] = format_datetime(datetime.fromtimestamp(notification.at, UTC))
    mail["Message-ID"] = _id(notification.key, domain)
    mail["X-Socketscope-Key"] = _digest(notification.key)
    if not notification.document:
        mail["In-Reply-To"] = mail["References"] = _id(f"alert {notification.fingerprint}", domain)
        mail["X-Priority"] = "3 (Normal)" if notification.status == "resolved" else _PRIORITY[notification.severity]
    # Whoever is away must not answer to an alert.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    # Both in ASCII on the way, for servers that take no more.
    mail.set_content(plain(notification), cte="quoted-printable")
    mail.add_alternative(html(notification), subtype="html", cte="quoted-printable")
    if notification.document:
        _add_images(mail, notification.document)
    return mail


def _add_images(mail: EmailMessage, document: Document) -> None:
    """Put the pictures beside the page that shows them (multipart/related): programs that show no others show these."""
    *_, page = mail.iter_parts()
    for image in document.images:
        page.add_related(image.content, "image", "png", cid=f"<{image.name}>", disposition="inline")


def _refusal(what: str, answers: list[tuple[int, str]]) -> Receipt:
    said = "; ".join(f"{code} {text}" for code, text in answers)
    # 5xx is for good; 4xx is not, and neither is an answer that is no SMTP.
    return Receipt(delivered=False, again=any(code < 500 for code, _ in answers), detail=f"{what}: {said}")


def _id(text: str, domain: str) -> str:
    return f"<{_digest(text)}@{domain}>"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:40]

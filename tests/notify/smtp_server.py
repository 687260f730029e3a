"""A real SMTP server (aiosmtpd) that takes mail, with TLS, a login, and the faults that it is told."""

import asyncio
import contextlib
import email
import email.policy
import ssl

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from socketscope.demo.stack.options import HOST, free_port
from socketscope.notify.email import Email, EmailOptions

USER, PASSWORD = "alerts", "correct-horse-battery"


class Box:
    """The handler: `mails` that were taken, as (envelope, message); `refuse`: address -> answer to RCPT."""

    def __init__(self, *, refuse=None, data=None, hang=False, cut=False):
        self.mails = []
        self.logins = []
        self.refuse = refuse or {}
        self.data = data
        self.hang = hang
        self.cut = cut

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.hang:
            await asyncio.Event().wait()
        if self.data:
            return self.data
        self.mails.append((envelope, email.message_from_bytes(envelope.content, policy=email.policy.default)))
        if self.cut:
            server.transport.write(b"25")
            server.transport.close()
        return "250 queued"

    def authenticate(self, server, session, envelope, mechanism, data):
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()), handled=False)


def server(box, *, authority=None, implicit=False, login=False):
    """A controller for `box`: with `authority` TLS is demanded, from the first byte if `implicit`, else by STARTTLS."""
    options = (
        {"authenticator": box.authenticate, "auth_required": True, "auth_require_tls": not implicit} if login else {}
    )
    if authority:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(HOST).configure_cert(tls)
        options |= {"ssl_context": tls} if implicit else {"tls_context": tls, "require_starttls": True}
    return Controller(box, hostname=HOST, port=free_port(), **options)


@contextlib.contextmanager
def serving(box, **options):
    """Let `box` be served inside the context."""
    controller = server(box, **options)
    controller.start()
    try:
        yield controller
    finally:
        controller.stop()


def mailer(controller, **options):
    """A notifier that sends its mails there."""
    given = {"host": controller.hostname, "port": controller.port, "security": "none", "timeout": 5, **options}
    return Email("ops", EmailOptions(sender="Alerts <alerts@example.com>", to=["ops@example.com"], **given))

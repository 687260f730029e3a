"""A double of Twilio's REST API for messages, from its documentation. No Twilio can be had here.

It knows `POST /2010-04-01/Accounts/{sid}/Messages.json` of one account with one number. What it does not do: delivery,
callbacks, media, messaging services' pools.
"""

import base64
import re

from doubles.http_double import Refusal, Reply
from doubles.receiver_double import ReceiverDouble, form_of

ACCOUNT = "AC" + "0123456789abcdef" * 2
FIELDS = {"To", "From", "MessagingServiceSid", "Body"}
NUMBER = "+15005550006"
BLOCKED = "+15005550004"
GSM = re.compile(r"[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà^{}\\\[~\]|€]*")


class TwilioDouble(ReceiverDouble):
    """`sent`: the forms of all messages that were taken."""

    def __init__(self, *faults, token="twilio-auth-token"):
        super().__init__(*faults)
        self.token = token
        self.sent = []

    def take(self, asked):
        shown = base64.b64encode(f"{ACCOUNT}:{self.token}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {shown}":
            raise refusal(401, 20003, "Authenticate")
        if (asked.method, asked.path) != ("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"):
            raise refusal(404, 20404, f"The requested resource {asked.path} was not found")
        form = form_of(asked)
        if form.keys() - FIELDS:
            raise refusal(400, 20001, "Unknown parameters")
        if not form.get("To"):
            raise refusal(400, 21604, "A 'To' phone number is required.")
        if not re.fullmatch(r"\+[1-9]\d{6,14}", form["To"]):
            raise refusal(400, 21211, f"Invalid 'To' Phone Number: {form['To']}")
        if form["To"] == BLOCKED:
            raise refusal(400, 21610, "Attempt to send to unsubscribed recipient")
        if ("From" in form) == ("MessagingServiceSid" in form):
            raise refusal(400, 21603, "A 'From' phone number is required.")
        if form.get("From", NUMBER) != NUMBER:
            raise refusal(400, 21606, "The 'From' phone number provided is not a valid number of this account")
        if not form.get("Body"):
            raise refusal(400, 21602, "Message body is required.")
        self.sent.append(form)
        message = {"sid": f"SM{len(self.sent):032x}", "status": "queued", "error_code": None, "error_message": None}
        return Reply({**message, "num_segments": str(segments(form["Body"])), "body": form["Body"]}, 201)


def segments(body):
    """Return how many messages a body takes: in its own alphabet 160 characters fit into one, in any other 70."""
    if not GSM.fullmatch(body):
        return 1 if len(body) <= 70 else -(-len(body) // 67)
    room = len(body) + sum(letter in "^{}\\[~]|€" for letter in body)
    return 1 if room <= 160 else -(-room // 153)


def refusal(status, code, message):
    more = f"https://www.twilio.com/docs/errors/{code}"
    return Refusal(status, {"code": code, "message": message, "more_info": more, "status": status})

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
        if wrong := mistake(form):
            raise wrong
        self.sent.append(form)
        # A messaging service chooses the sender later: until then nobody knows the number of segments.
        known = "From" in form
        message = {
            "sid": f"SM{len(self.sent):032x}",
            "account_sid": ACCOUNT,
            "status": "queued" if known else "accepted",
            "error_code": None,
            "error_message": None,
            "num_segments": str(segments(form["Body"])) if known else "0",
            "to": form["To"],
            "from": form.get("From"),
            "messaging_service_sid": form.get("MessagingServiceSid"),
            "body": form["Body"],
        }
        return Reply(message, 201)


def mistake(form):
    to, body = form.get("To", ""), form.get("Body", "")
    wrong = (
        (form.keys() - FIELDS, 20001, "Unknown parameters"),
        (not to, 21604, "A 'To' phone number is required."),
        (not re.fullmatch(r"\+[1-9]\d{6,14}", to), 21211, f"Invalid 'To' Phone Number: {to}"),
        (to == BLOCKED, 21610, "Attempt to send to unsubscribed recipient"),
        (("From" in form) == ("MessagingServiceSid" in form), 21603, "A 'From' phone number is required."),
        (form.get("From", NUMBER) != NUMBER, 21606, "The 'From' phone number is not a valid number of this account"),
        (not body, 21602, "Message body is required."),
        (len(body) > 1600, 21617, "The concatenated message body exceeds the 1600 character limit"),
    )
    return next((refusal(400, code, message) for is_so, code, message in wrong if is_so), None)


def segments(body):
    """Return how many messages a body takes: in its own alphabet 160 characters fit into one, in any other 70."""
    if not GSM.fullmatch(body):
        return 1 if len(body) <= 70 else -(-len(body) // 67)
    room = len(body) + sum(letter in "^{}\\[~]|€" for letter in body)
    return 1 if room <= 160 else -(-room // 153)


def refusal(status, code, message):
    more = f"https://www.twilio.com/docs/errors/{code}"
    return Refusal(status, {"code": code, "message": message, "more_info": more, "status": status})

"""A receiver that misbehaves as it is told: what doubles of Slack, Twilio and PagerDuty share, and any webhook."""

import json
import threading
from urllib.parse import parse_qsl

from doubles.http_double import HttpDouble, Refusal, Reply

HANG = "hang"
CUT = "cut"
GARBAGE = "garbage"


class ReceiverDouble(HttpDouble):
    """Does what is next in `faults` (a `Reply`, or one of HANG, CUT, GARBAGE; the last one stays), else `take`s it."""

    def __init__(self, *faults, **options):
        super().__init__(**options)
        self.faults = list(faults)
        self.hanging = threading.Event()
        self.released = threading.Event()

    def answer(self, asked):
        if not self.faults:
            return self.take(asked)
        fault = self.faults[0] if len(self.faults) == 1 else self.faults.pop(0)
        if fault == HANG:
            self.hanging.set()
            self.released.wait()
            fault = Reply("too late")
        if fault == CUT:
            # Everything was taken, but its sender never hears of it.
            return Reply(json.dumps(self.take(asked), default=str), cut=3)
        return Reply(b"\x00\xff<html>{" * 3) if fault == GARBAGE else fault

    def take(self, asked):
        return "ok"

    def __exit__(self, *error):
        self.released.set()
        super().__exit__(*error)


def json_of(asked):
    """Return the JSON object of a request, or refuse it."""
    if not asked.headers.get("content-type", "").startswith("application/json"):
        raise Refusal(415, "application/json is expected")
    return json.loads(asked.body)


def form_of(asked):
    """Return a form, or refuse it."""
    if asked.headers.get("content-type") != "application/x-www-form-urlencoded":
        raise Refusal(415, "a form is expected")
    pairs = parse_qsl(asked.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    assert len(pairs) == len(dict(pairs)), "a field is given twice"
    return dict(pairs)

"""What tests of the alerting are made with: a backend whose answers are written down, and notifications."""

import asyncio
import itertools

from socketscope.backends.base import Capabilities, Sample
from socketscope.errors import BackendError
from socketscope.notify.base import Notification, Receipt
from socketscope.query.model import Query
from socketscope.rules.model import Rule

_keys = itertools.count()


def note(key=None, *, fingerprint="f", status="firing", **changes):
    """A notification; without a `key` one of its own."""
    return Notification(
        **{
            "fingerprint": fingerprint,
            "key": key or f"key-{next(_keys)}",
            "rule": "Rule",
            "status": status,
            "severity": "warning",
            "summary": "something is wrong",
            "labels": {},
            "value": 2.0,
            "threshold": 1.0,
            "started_at": 100.0,
            "at": 100.0,
            **changes,
        }
    )


def rule(name="Rule", metric="m", **changes):
    return Rule(**{"name": name, "query": Query(metric), "above": 1.0, "interval": 10.0, "summary": name, **changes})


class ScriptedBackend:
    """Answers a metric by `script[metric](at)`: a number, numbers by a label set, None for no data, or an error."""

    def __init__(self, **script):
        self.script = script
        self.asked = []
        self.down = False
        self.hangs = False
        self.capabilities = Capabilities(metrics=True)

    async def instant(self, query, *, at):
        self.asked.append((query.metric, at))
        if self.hangs:
            await asyncio.Event().wait()
        if self.down:
            raise BackendError("the backend is down")
        answer = self.script[query.metric]
        answer = answer(at) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            return []
        by_labels = answer if isinstance(answer, dict) else {(): answer}
        return [Sample(dict(labels), value, at) for labels, value in by_labels.items()]


class Recorder:
    """A notifier that keeps what it is given; `answers` are receipts or errors for the next attempts."""

    def __init__(self, name="recorder", answers=()):
        self.name = name
        self.sent = []
        self.threads = []
        self.answers = list(answers)

    async def send(self, notification, *, thread=None):
        self.sent.append(notification)
        self.threads.append(thread)
        answer = self.answers.pop(0) if self.answers else Receipt(delivered=True)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def keys(self):
        return [notification.key for notification in self.sent]

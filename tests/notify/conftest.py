import pytest

from alertmanager_process import AlertmanagerProcess, required_alertmanager
from socketscope.notify.base import Notification
from socketscope.notify.document import Document, Image

AT = 1_790_000_000.0


def notification(**changed):
    """A notification of an alert that fires; `changed` says what is different."""
    return Notification(
        **{
            "fingerprint": "0123456789abcdef",
            "key": "0123456789abcdef:1790000000.000:firing:1",
            "rule": "HighErrorRatio",
            "status": "firing",
            "severity": "critical",
            "summary": "12 % of the messages failed",
            "labels": {"http.route": "/ws/{room}", "family": "errors"},
            "value": 0.12,
            "threshold": 0.1,
            "started_at": AT - 120,
            "at": AT,
            "metrics": {
                "current_connections": 512,
                "cpu_usage": 81.25,
                "memory_usage": None,
                "errors": 1234,
                "uptime": 93_784.0,
            },
            "runbook": "https://runbooks.example/high-error-ratio",
            "link": "https://console.example/alerts/0123456789abcdef",
            **changed,
        }
    )


def resolved(**changed):
    changed = {"key": "0123456789abcdef:1790000000.000:resolved:1", "resolved_at": AT, "value": 0.02, **changed}
    return notification(status="resolved", **changed)


PNG = b"\x89PNG\r\n\x1a\n and the rest of it"


def report(**changed):
    """A notification that is a report, in all its forms."""
    document = Document(
        title="WebSockets on Monday: 1,234 connections",
        brief="A quiet day. At least 1,234 connections.",
        text="WebSockets on Monday\n\nConnections: at least 1,234\n",
        markdown="# WebSockets on Monday\n\n- **Connections**: at least 1,234\n",
        page='<!doctype html><title>Monday</title><p>1,234<img src="cid:hours@report" alt="Connections per hour">',
        images=[Image(name="hours@report", content=PNG)],
        data={"summary": {"total_connections": 1234}},
    )
    return notification(
        **{
            "fingerprint": "report:2026-11-23",
            "key": "report:2026-11-23:UTC",
            "rule": "DailyReport",
            "status": "report",
            "severity": "info",
            "summary": document.title,
            "labels": {},
            "value": None,
            "threshold": None,
            "metrics": {},
            "runbook": "",
            "link": "https://console.example/reports/2026-11-23.html",
            "document": document,
            **changed,
        }
    )


@pytest.fixture(scope="session")
def alertmanager(tmp_path_factory):
    with AlertmanagerProcess(required_alertmanager(), tmp_path_factory.mktemp("alertmanager")) as process:
        yield process

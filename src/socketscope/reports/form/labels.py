"""What the codes of a report mean, in words."""

from __future__ import annotations

from collections.abc import Mapping

from socketscope.reports.form.words import Words
from socketscope.reports.model import LoadKind, Method, Reason, Source
from socketscope.rules.model import Severity


def reasons(words: Words) -> Mapping[Reason, str]:
    """Say why a figure is not available."""
    _ = words.gettext
    return {
        "needs_events": _("it takes events of connections, which this backend does not keep"),
        "events_missing": _("fewer events came than connections were counted, and metrics can't tell"),
        "no_data": _("nothing reported"),
        "not_kept": _("nothing is kept of a time so long ago"),
        "user_keys_differ": _("users were hashed with different keys, so they can't be told apart"),
        "no_users": _("connections don't say whose they are (SOCKETSCOPE_USER_FROM)"),
        "nothing_closed": _("no connection ended"),
        "no_histogram": _("instances sent no histogram of it"),
        "no_messages": _("no message was received"),
        "no_alerting": _("no history of alerts is kept here"),
        "backend_cannot": _("this backend can't answer it"),
    }


def sources(words: Words) -> Mapping[Source, str]:
    """Say where a figure was read."""
    _ = words.gettext
    return {
        "events": _("events of connections"),
        "metrics": _("metrics"),
        "alerts": _("history of alerts"),
    }


def methods(words: Words) -> Mapping[Method, str]:
    """Say how a figure was computed."""
    _ = words.gettext
    return {
        "opened_events": _("one event for each handshake that was accepted, counted"),
        "closed_events": _("one event for each connection that ended, counted"),
        "open_by_events": _("opened and not closed, of instances that reported at the end"),
        "unfinished_events": _("opened and never closed, of instances that fell silent"),
        "distinct_hashes": _("different hashes of users, of the connections that had an event"),
        "distinct_names": _("different names of channels, of the connections that had an event"),
        "event_sweep": _("openings and closings, gone through in their order"),
        "exports": _("the times at which instances exported, against their own interval"),
        "counter_deltas": _("what each instance's counters grew by; restarts are accounted for"),
        "counter_ratio": _("two such growths, divided"),
        "counts_by_stretch": _("counts that the backend adds up by stretches of time"),
        "gauge_last": _("the gauge's newest values at the end"),
        "gauge_peak": _("the greatest sum of the gauge over all instances, at each sample"),
        "gauge_range": _("the gauge, looked at in regular steps"),
        "histogram_quantiles": _("interpolated within the buckets of a histogram"),
        "durations": _("each closed connection's own duration"),
        "alert_history": _("transitions that the alerting noted"),
    }


def severities(words: Words) -> Mapping[Severity, str]:
    """Say how bad something is."""
    _ = words.gettext
    return {"critical": _("critical"), "warning": _("warning"), "info": _("notice")}


def loads(words: Words) -> Mapping[LoadKind, str]:
    """Say what kind of load there was."""
    _ = words.gettext
    return {
        "connections": _("open connections"),
        "messages": _("messages a second"),
        "cpu": _("processors of the busiest host"),
    }


def outcomes(words: Words) -> Mapping[str, str]:
    """Say what became of a handshake."""
    _ = words.gettext
    return {
        "accepted": _("accepted"),
        "denied": _("denied"),
        "failed": _("failed: the handler raised"),
        "abandoned": _("abandoned by the client"),
    }


def initiators(words: Words) -> Mapping[str, str]:
    """Say who ended a connection."""
    _ = words.gettext
    return {
        "client": _("the client"),
        "server": _("the server"),
        "network": _("the network: the link was lost"),
        "shutdown": _("a shutdown of the server"),
        "": _("not known"),
    }


def ends(words: Words) -> Mapping[str, str]:
    """Say how an alert ended."""
    _ = words.gettext
    return {
        "resolved": _("resolved"),
        "expired": _("its data ended"),
        "removed": _("its rule was removed"),
    }


def close_codes(words: Words) -> Mapping[int, str]:
    """Say what close codes mean (RFC 6455, 7.4.1, and the registry of IANA)."""
    _ = words.gettext
    return {
        1000: _("normal closure"),
        1001: _("going away"),
        1002: _("protocol error"),
        1003: _("unsupported data"),
        1005: _("no code was sent"),
        1006: _("no close frame"),
        1007: _("invalid data"),
        1008: _("policy violation"),
        1009: _("message too big"),
        1010: _("extension missing"),
        1011: _("internal error"),
        1012: _("service restart"),
        1013: _("try again later"),
        1014: _("bad gateway"),
        1015: _("TLS failed"),
    }


def close_code(words: Words, code: int | None) -> str:
    """Write a close code and what it means."""
    if code is None:
        return words.gettext("none")
    meaning = close_codes(words).get(code)
    if meaning is None and 4000 <= code < 5000:
        meaning = words.gettext("of the application")
    return f"{code} ({meaning})" if meaning else str(code)

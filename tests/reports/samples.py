"""Reports that are written down: a good day, one with a gap, one of which nothing is known, one of hostile names."""

from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from socketscope.reports.model import (
    Alert,
    Channel,
    Close,
    Compared,
    Comparison,
    Coverage,
    Figure,
    Fleet,
    Gap,
    Handshake,
    Highlight,
    HighLoad,
    Hour,
    Issue,
    Period,
    Report,
    Route,
    Summary,
)

ZONE = "Europe/Madrid"
MONDAY = date(2026, 11, 23)


def period_of(day=MONDAY, zone=ZONE):
    def midnight(of):
        return datetime(of.year, of.month, of.day, tzinfo=ZoneInfo(zone)).timestamp()

    return Period(since=midnight(day), until=midnight(day + timedelta(days=1)), zone=zone, day=day)


def at(hour, minute=0, *, day=MONDAY, zone=ZONE):
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp()


def events(value, method="closed_events", **more):
    return Figure(value=value, source="events", method=method, **more)


def metrics(value, method="counter_deltas", **more):
    return Figure(value=value, source="metrics", method=method, **more)


def summary(scale=1.0, **changed):
    def count(number):
        return round(number * scale)

    return Summary(
        **{
            "total_connections": events(count(18_432), "opened_events"),
            "closed_connections": events(count(18_391)),
            "open_connections": events(count(212), "open_by_events"),
            "vanished_connections": events(0, "unfinished_events"),
            "lost_connections": events(count(412)),
            "failed_connections": events(count(9)),
            "unique_users": events(count(5_210), "distinct_hashes"),
            "unique_channels": events(count(318), "opened_events"),
            "messages_received": metrics(count(1_204_881)),
            "messages_sent": metrics(count(38_112_004)),
            "bytes_received": metrics(count(201_337_812)),
            "bytes_sent": metrics(count(6_412_009_118)),
            "avg_connection_duration": events(742.18, "durations"),
            "median_connection_duration": events(311.4, "durations"),
            "p95_connection_duration": events(2_911.0, "durations"),
            "errors": metrics(count(61)),
            "error_ratio": metrics(61 / 1_204_881, "counter_ratio"),
            "peak_connections": metrics(count(1_377), "gauge_peak"),
            **changed,
        }
    )


def of_all(figure, of=None):
    """A summary whose figures all are like `figure`: a function from one to another."""
    of = of or summary()
    return Summary(**{field.name: figure(getattr(of, field.name)) for field in fields(Summary)})


def unknown(reason="no_data"):
    return of_all(lambda figure: replace(figure, value=None, reason=reason))


BY_HOUR = (
    210, 131, 88, 61, 52, 97, 288, 611, 1012, 1204, 1260, 1222, 1143, 1098, 1301, 1290, 1188, 1120, 1033, 970, 884, 760,
    532, 877,
)  # fmt: skip


def hours(day=MONDAY, zone=ZONE, values=BY_HOUR):
    period = period_of(day, zone)
    return [
        Hour(since=period.since + 3600 * i, until=period.since + 3600 * (i + 1), connections=values[i % len(values)])
        for i in range(round(period.hours))
    ]


def good(**changed):
    """A day of which everything is known, a little busier than others."""
    period = changed.get("period") or period_of()
    day = period.day
    return Report(
        **{
            "period": period,
            "backend": "embedded",
            "generated_at": period.until + 7203,
            "finished": True,
            "fleet": metrics(
                Fleet(instances=4, born=1, stopped=1, vanished=0, coverage=Coverage(seen=34_560, expected=34_560)),
                "gauge_range",
            ),
            "summary": summary(),
            "comparison": Comparison(
                day_before=Compared(period=period_of(day - timedelta(days=1)), summary=summary(0.71)),
                same_weekday=[
                    Compared(period=period_of(day - timedelta(weeks=week)), summary=summary(scale))
                    for week, scale in ((1, 0.94), (2, 0.9), (3, 0.97))
                ]
                + [Compared(period=period_of(day - timedelta(weeks=4)), summary=unknown("not_kept"))],
            ),
            "connections_per_hour": events(hours(day), "opened_events"),
            "top_channels": events(
                [
                    Channel(
                        name=name, connections=connections, messages_received=4 * connections, messages_sent=received
                    )
                    for name, connections, received in (
                        ("lobby", 6_120, 12_881_204),
                        ("trading/eur-usd", 2_881, 9_120_001),
                        ("support", 1_904, 410_221),
                        ("team.design_review", 911, 88_120),
                        ("games", 640, 2_103_771),
                        ("room-7", 322, 20_118),
                        ("room-12", 301, 18_001),
                        ("غرفة الأخبار", 212, 9_120),
                        ("room-1", 120, 4_004),
                        ("room-3", 77, 1_120),
                    )
                ],
                "closed_events",
            ),
            "slowest_routes": metrics(
                [
                    Route(route="/ws/{room}", messages=1_180_221, p50=0.0021, p95=0.041, p99=0.31),
                    Route(route="/ws/notifications", messages=24_660, p50=0.0008, p95=0.0031, p99=0.009),
                ],
                "histogram_quantiles",
                certainty="estimate",
            ),
            "closes": events(
                [
                    Close(code=1000, initiator="client", connections=13_020),
                    Close(code=1001, initiator="client", connections=4_480),
                    Close(code=1005, initiator="network", connections=412),
                    Close(code=1012, initiator="shutdown", connections=401),
                    Close(code=4001, initiator="server", connections=69),
                    Close(code=1011, initiator="server", connections=9),
                ]
            ),
            "handshakes": metrics(
                [
                    Handshake(outcome="accepted", status=101, count=18_432),
                    Handshake(outcome="denied", status=403, count=310),
                    Handshake(outcome="abandoned", status=None, count=22),
                ]
            ),
            "high_load": metrics(
                [HighLoad(kind="connections", since=at(14), until=at(15, 20), peak=1_377, threshold=1_200)],
                "gauge_range",
            ),
            "alerts": Figure(
                value=[
                    Alert(
                        rule="HighErrorRatio",
                        severity="critical",
                        labels={"http.route": "/ws/{room}"},
                        fired_at=at(14, 7),
                        value=0.12,
                        ended_at=at(14, 31),
                        end="resolved",
                    )
                ],
                source="alerts",
                method="alert_history",
            ),
            "issues_detected": [
                Issue(
                    kind="alert",
                    severity="critical",
                    since=at(14, 7),
                    until=at(14, 31),
                    name="HighErrorRatio",
                    value=0.12,
                    trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
                    link="https://jaeger.example/trace/4bf92f3577b34da6a3ce929d0e0e4736",
                ),
                Issue(
                    kind="errors",
                    severity="warning",
                    since=at(14),
                    until=at(15),
                    name="RuntimeError",
                    value=58,
                    share=0.0007,
                    trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
                    link="https://jaeger.example/trace/4bf92f3577b34da6a3ce929d0e0e4736",
                ),
                Issue(
                    kind="high_load",
                    severity="info",
                    since=at(14),
                    until=at(15, 20),
                    name="connections",
                    value=1_377,
                    reference=1_200,
                    link="https://console.example/",
                ),
            ],
            "highlights": [
                Highlight(kind="connections", value=18_432, reference=17_264, change=0.0677, against="same_weekday"),
                Highlight(kind="busiest_hour", value=1_301, since=at(14), until=at(15)),
                Highlight(kind="peak", value=1_377, reference=1_336),
                Highlight(
                    kind="errors",
                    value=61,
                    share=61 / 1_204_881,
                    change=1.9,
                    against="day_before",
                    name="RuntimeError",
                ),
                Highlight(kind="alerts", value=1, reference=0, name="HighErrorRatio"),
            ],
            **changed,
        }
    )


SEEN = Coverage(seen=27_993, expected=34_560)


def with_a_gap(**changed):
    """A day on which an instance was silent for hours."""

    def blind(figure):
        lower = figure.method not in ("counter_ratio", "durations", "gauge_peak")
        return replace(figure, certainty="at_least" if lower else "of_seen", coverage=SEEN)

    whole = good()
    gap = Gap(instance="chat-7f9c/2", service="chat", since=at(3), until=at(5, 10), missing=6_567)
    values = [None if hour in (3, 4) else value for hour, value in enumerate(BY_HOUR)]
    return replace(
        whole,
        **{
            "summary": of_all(blind, summary(vanished_connections=events(31, "unfinished_events"))),
            "fleet": metrics(
                Fleet(instances=4, born=0, stopped=0, vanished=1, coverage=SEEN, gaps=[gap]), "gauge_range"
            ),
            "connections_per_hour": events(hours(values=values), "opened_events", certainty="at_least", coverage=SEEN),
            "top_channels": replace(whole.top_channels, certainty="at_least", coverage=SEEN),
            "slowest_routes": replace(whole.slowest_routes, certainty="of_seen", coverage=SEEN),
            "closes": replace(whole.closes, certainty="at_least", coverage=SEEN),
            "handshakes": replace(whole.handshakes, certainty="at_least", coverage=SEEN),
            "issues_detected": [
                Issue(
                    kind="vanished_instance",
                    severity="critical",
                    since=at(5, 10),
                    until=None,
                    name="chat-7f9c/2",
                    value=31,
                    certainty="at_least",
                ),
                Issue(kind="gap", severity="warning", since=at(3), until=at(5, 10), name="chat-7f9c/2", value=6_567),
                *(
                    replace(one, certainty="exact" if one.kind == "alert" else "at_least")
                    for one in whole.issues_detected
                ),
            ],
            "highlights": [
                Highlight(kind="incomplete", value=6_567, share=SEEN.share),
                Highlight(kind="connections", value=18_432),
                Highlight(kind="busiest_hour", value=1_301, since=at(14), until=at(15)),
                Highlight(kind="lost_links", value=412, share=0.0224),
                Highlight(kind="vanished", value=1, reference=31),
            ],
            **changed,
        },
    )


def of_nothing(reason="no_data"):
    """A day of which nothing is known."""

    def gone(figure):
        return replace(figure, value=None, reason=reason)

    whole = good()
    lists = (
        "fleet", "connections_per_hour", "top_channels", "slowest_routes", "closes", "handshakes", "high_load",
        "alerts",
    )  # fmt: skip
    nothing = unknown(reason)
    return replace(
        whole,
        **{name: gone(getattr(whole, name)) for name in lists},
        summary=nothing,
        comparison=Comparison(
            day_before=replace(whole.comparison.day_before, summary=nothing),
            same_weekday=[replace(one, summary=nothing) for one in whole.comparison.same_weekday],
        ),
        issues_detected=[],
        highlights=[Highlight(kind="no_data")],
    )


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><h1>mine</h1>",
    "[click](javascript:alert(1)) **bold** _it_ `code` | cell | ~~no~~ # no",
    "<!channel> <@U123> @here &lt;b&gt;",
    "a\r\nBcc: everybody@example.com\r\n\r\n<p>",
    "\x00\x07\x1b[31mred\ud800",
    "\u202eevil\u202c\u200b\u2066",
    "عربي \u200f {{ 7*7 }} {% raw %}",
    "http://evil.example/x?a=b www.evil.example user@evil.example",
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f" * 40,
    "x" * 10_000,
    "{number} {0} %s %(name)s",
    "$x^2$",
    "",
)


def hostile():
    """A day on which every name is hostile."""
    whole = good()
    first = HOSTILE[0]
    return replace(
        whole,
        backend="embedded",
        top_channels=replace(
            whole.top_channels,
            value=[Channel(name=name, connections=1, messages_received=1, messages_sent=None) for name in HOSTILE],
        ),
        slowest_routes=replace(
            whole.slowest_routes, value=[Route(route=name, messages=1, p50=1, p95=1, p99=1) for name in HOSTILE]
        ),
        closes=replace(
            whole.closes, value=[Close(code=4000 + i, initiator=name, connections=1) for i, name in enumerate(HOSTILE)]
        ),
        handshakes=replace(whole.handshakes, value=[Handshake(outcome=name, status=403, count=1) for name in HOSTILE]),
        fleet=replace(
            whole.fleet,
            value=Fleet(
                instances=1,
                born=0,
                stopped=0,
                vanished=0,
                coverage=SEEN,
                gaps=[Gap(instance=n, service=n, since=at(1), until=at(2), missing=1) for n in HOSTILE],
            ),
        ),
        alerts=replace(
            whole.alerts,
            value=[
                Alert(
                    rule=name,
                    severity="critical",
                    labels={name: name},
                    fired_at=at(1),
                    value=1.0,
                    ended_at=None,
                    end=None,
                )
                for name in HOSTILE
            ],
        ),
        issues_detected=[
            Issue(
                kind=kind,
                severity="warning",
                since=at(1),
                until=None,
                name=name,
                value=3,
                reference=1,
                link="https://console.example/?a=%22&b=c",
            )
            for kind in ("errors", "slow_route", "vanished_instance", "gap", "alert")
            for name in HOSTILE
        ],
        highlights=[
            Highlight(kind="errors", value=1, share=0.1, name=first),
            *(Highlight(kind="slow_route", value=1.0, name=name) for name in HOSTILE),
            Highlight(kind="alerts", value=2, reference=1, name=HOSTILE[3]),
        ],
        notes=[first],
    )

"""The overview board: what is on it."""

from __future__ import annotations

from typing import Final

from dashboards.panels import SHOWN, Line, Panel, Row, Where, ask, complement
from socketscope import semconv
from socketscope.query.model import Ratio
from socketscope.query.naming import INSTANCE_ID

TITLE: Final = "WebSockets: overview"
DESCRIPTION: Final = "Every WebSocket connection of the chosen services, as socketscope measures them."
RECEIVED: Final[Where] = {semconv.DIRECTION: ("receive",)}
SENT: Final[Where] = {semconv.DIRECTION: ("transmit",)}
PERCENTILES: Final = ("p50", "p95", "p99")

NOW: Final = Row(
    "Now",
    (
        Panel(
            title="Open connections",
            description=semconv.ACTIVE_CONNECTIONS.description,
            kind="stat",
            width=4,
            height=4,
            lines=(Line(ask(semconv.ACTIVE_CONNECTIONS)),),
        ),
        Panel(
            title="Users",
            description="Distinct users of the process that has most; users of several processes can't be added up.",
            kind="stat",
            width=4,
            height=4,
            lines=(Line(ask(semconv.USER_COUNT, across="max")),),
        ),
        Panel(
            title="Accepted",
            description="Handshakes that were accepted within what is shown.",
            kind="stat",
            width=4,
            height=4,
            lines=(
                Line(
                    ask(
                        semconv.HANDSHAKES,
                        "increase",
                        window=SHOWN,
                        where={semconv.HANDSHAKE_OUTCOME: ("accepted",)},
                    ),
                    exact=True,
                ),
            ),
        ),
        Panel(
            title="Lost links",
            description="Connections that ended without a close frame, within what is shown.",
            kind="stat",
            width=4,
            height=4,
            lines=(
                Line(
                    ask(
                        semconv.CLOSED_CONNECTIONS,
                        "increase",
                        window=SHOWN,
                        where={semconv.CLOSE_INITIATOR: ("network",)},
                    ),
                    exact=True,
                ),
            ),
        ),
        Panel(
            title="Errors",
            description=semconv.ERRORS_TOTAL.description,
            kind="stat",
            width=4,
            height=4,
            alarming=1,
            lines=(Line(ask(semconv.ERRORS_TOTAL, "increase", window=SHOWN), exact=True),),
        ),
        Panel(
            title="Errors per message received",
            description="Exceptions of handlers as a share of the messages received, within what is shown.",
            kind="stat",
            width=4,
            height=4,
            unit="percentunit",
            alarming=0.1,
            lines=(
                Line(
                    Ratio(
                        ask(semconv.ERRORS_TOTAL, "increase", window=SHOWN),
                        ask(semconv.MESSAGES, "increase", window=SHOWN, where=RECEIVED),
                    ),
                    exact=True,
                ),
            ),
        ),
    ),
)

CONNECTIONS: Final = Row(
    "Connections",
    (
        Panel(
            title="Open connections by route",
            description=semconv.ACTIVE_CONNECTIONS.description,
            lines=(Line(ask(semconv.ACTIVE_CONNECTIONS, by=(semconv.HTTP_ROUTE,)), f"{{{semconv.HTTP_ROUTE.name}}}"),),
        ),
        Panel(
            title="Handshakes by outcome",
            description=f"Within what is shown. {semconv.HANDSHAKE_OUTCOME.description}",
            kind="bars",
            lines=(
                Line(
                    ask(semconv.HANDSHAKES, "increase", window=SHOWN, by=(semconv.HANDSHAKE_OUTCOME,)),
                    f"{{{semconv.HANDSHAKE_OUTCOME.name}}}",
                    exact=True,
                ),
            ),
        ),
        Panel(
            title="Close codes by who closed",
            description=f"Within what is shown. {semconv.CLOSE_INITIATOR.description}",
            kind="bars",
            lines=(
                Line(
                    ask(
                        semconv.CLOSED_CONNECTIONS,
                        "increase",
                        window=SHOWN,
                        by=(semconv.CLOSE_CODE, semconv.CLOSE_INITIATOR),
                    ),
                    f"{{{semconv.CLOSE_CODE.name}}} {{{semconv.CLOSE_INITIATOR.name}}}",
                    exact=True,
                ),
            ),
        ),
        Panel(
            title="Oldest and longest idle connection",
            description=f"{semconv.AGE_MAX.description} {semconv.IDLE_MAX.description}",
            unit="s",
            lines=(
                Line(ask(semconv.AGE_MAX, across="max"), "oldest"),
                Line(ask(semconv.IDLE_MAX, across="max"), "longest idle"),
            ),
        ),
        Panel(
            title="Users by process",
            description=semconv.USER_COUNT.description,
            lines=(Line(ask(semconv.USER_COUNT, across="max", by=(INSTANCE_ID,)), f"{{{INSTANCE_ID}}}", top=10),),
        ),
        Panel(
            title="Life of closed connections",
            description=semconv.CONNECTION_DURATION.description,
            unit="s",
            lines=tuple(Line(ask(semconv.CONNECTION_DURATION, p), p) for p in ("p50", "p95")),
        ),
    ),
)

MESSAGES: Final = Row(
    "Messages",
    (
        Panel(
            title="Messages per second",
            description=semconv.MESSAGES.description,
            unit="mps",
            lines=(
                Line(ask(semconv.MESSAGES, "rate", where=RECEIVED), "received"),
                Line(ask(semconv.MESSAGES, "rate", where=SENT), "sent"),
            ),
        ),
        Panel(
            title="Bytes per second",
            description=semconv.IO.description,
            unit="Bps",
            lines=(
                Line(ask(semconv.IO, "rate", where=RECEIVED), "received"),
                Line(ask(semconv.IO, "rate", where=SENT), "sent"),
            ),
        ),
        Panel(
            title="Size of messages",
            description=semconv.MESSAGE_SIZE.description,
            unit="bytes",
            lines=tuple(
                Line(ask(semconv.MESSAGE_SIZE, p, where=where), f"{p} {name}")
                for name, where in (("received", RECEIVED), ("sent", SENT))
                for p in ("p50", "p95")
            ),
        ),
        Panel(
            title="Handling of a message",
            description=semconv.HANDLING_DURATION.description,
            unit="s",
            lines=tuple(Line(ask(semconv.HANDLING_DURATION, p), p) for p in PERCENTILES),
        ),
        Panel(
            title="Waiting to send",
            description=f"{semconv.SEND_DURATION.description} No data: none had to wait.",
            unit="s",
            lines=(Line(ask(semconv.SEND_DURATION, "p95"), "p95"),),
        ),
        Panel(
            title="Busiest channels",
            description=f"The ten with most open connections. {semconv.CHANNEL.description}",
            lines=(
                Line(ask(semconv.CHANNEL_SUBSCRIBERS, by=(semconv.CHANNEL,)), f"{{{semconv.CHANNEL.name}}}", top=10),
            ),
        ),
    ),
)

HEALTH: Final = Row(
    "Health",
    (
        Panel(
            title="Errors by type",
            description=f"Within what is shown. {semconv.ERRORS_TOTAL.description}",
            kind="bars",
            width=6,
            lines=(
                Line(
                    ask(semconv.ERRORS_TOTAL, "increase", window=SHOWN, by=(semconv.ERROR_TYPE, semconv.PHASE)),
                    f"{{{semconv.ERROR_TYPE.name}}} ({{{semconv.PHASE.name}}})",
                    exact=True,
                ),
            ),
        ),
        Panel(
            title="Overflow and drift",
            description=f"Both should stay 0. {semconv.OVERFLOW.description} {semconv.DRIFT.description}",
            width=6,
            lines=(Line(ask(semconv.OVERFLOW), "overflow"), Line(ask(semconv.DRIFT), "drift")),
        ),
        Panel(
            title="CPU of the hosts",
            description="One minus the mean of what is idle, as each process sees its host.",
            unit="percentunit",
            width=6,
            lines=(
                Line(
                    complement(
                        ask(semconv.SYSTEM_CPU, "avg", across="avg", by=(INSTANCE_ID,), where={"state": ("idle",)})
                    ),
                    f"{{{INSTANCE_ID}}}",
                    top=10,
                ),
            ),
        ),
        Panel(
            title="Memory of the hosts",
            description="Used memory as a share of all, as each process sees its host.",
            unit="percentunit",
            width=6,
            lines=(
                Line(
                    ask(semconv.SYSTEM_MEMORY, across="max", by=(INSTANCE_ID,), where={"state": ("used",)}),
                    f"{{{INSTANCE_ID}}}",
                    top=10,
                ),
            ),
        ),
    ),
)

ROWS: Final = (NOW, CONNECTIONS, MESSAGES, HEALTH)

SERVICES: Final = ask(semconv.ACTIVE_CONNECTIONS, window=SHOWN, across="count", by=("service.name",))
"""Lists the services that the board can be about."""
ROUTES: Final = ask(semconv.ACTIVE_CONNECTIONS, window=SHOWN, across="count", by=(semconv.HTTP_ROUTE,))
"""Lists the routes of the chosen services."""

"""Every name that socketscope puts on the wire: metrics, units, buckets, attributes, events.

Documentation (`docs/metrics.md`), queries, dashboards and rules derive from this module. Where OpenTelemetry has a
name it is used as it is; `websocket.*` is for what its semantic conventions do not cover yet
(open-telemetry/semantic-conventions#2841).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from opentelemetry.semconv.schemas import Schemas

SCOPE: Final = "socketscope"
"""Name of the instrumentation scope of everything that socketscope emits."""

SCHEMA_URL: Final = Schemas.V1_40_0.value
"""The version of OpenTelemetry's semantic conventions whose attribute names are used."""

Kind = Literal["counter", "up-down counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of metrics, spans or events.

    `values` lists the well-known values; empty means open (and bounded where the attribute is on a metric).
    """

    name: str
    description: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: its OpenTelemetry name, kind, UCUM unit, attributes and (histograms) bucket bounds in `unit`."""

    name: str
    kind: Kind
    unit: str
    description: str
    attributes: tuple[Attribute, ...] = ()
    buckets: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """A log record with an event name."""

    name: str
    description: str


# Attributes --------------------------------

HTTP_ROUTE = Attribute("http.route", "The matched route template, with the prefix of its mounts.")
SERVER_PORT = Attribute("server.port", "The port that the server listens on.")
CLOSE_CODE = Attribute("websocket.close.code", "Close code as the server saw it (RFC 6455, section 7.4).")
CLOSE_INITIATOR = Attribute(
    "websocket.close.initiator",
    "Who ended the connection; `network` is a lost link: no close frame was seen. ASGI does not tell who sent a frame "
    "with 1002, 1007 or 1009 (taken for the server's) or 1012 (taken for a shutdown).",
    ("client", "server", "network", "shutdown"),
)
CLOSE_REASON = Attribute("websocket.close.reason", "Reason text of the close frame, at most 123 bytes (RFC 6455).")
ERROR_TYPE = Attribute(
    "error.type", "The class of the exception that ended the handler; of a delivery, why it was dropped."
)
HANDSHAKE_OUTCOME = Attribute(
    "websocket.handshake.outcome",
    "`denied`: the application refused; `failed`: it raised; `abandoned`: the client left before an answer.",
    ("accepted", "denied", "failed", "abandoned"),
)
HTTP_STATUS = Attribute("http.response.status_code", "Status of the answer to the handshake.")
DIRECTION = Attribute("network.io.direction", "Seen from the server.", ("receive", "transmit"))
MESSAGE_TYPE = Attribute("websocket.message.type", "Type of the message's frames.", ("text", "binary"))
PHASE = Attribute("websocket.phase", "What the connection was doing.", ("handshake", "receive", "handle", "transmit"))
CHANNEL = Attribute(
    "websocket.channel.name",
    "Channel (room, topic); on metrics at most `SOCKETSCOPE_CHANNEL_LIMIT` names, the rest is `_other`.",
)
PACKET_TYPE = Attribute(
    "websocket.engineio.packet.type",
    "Type of a packet of engine.io, by its number in that protocol.",
    ("open", "close", "ping", "pong", "message", "upgrade", "noop"),
)
DELIVERY_OUTCOME = Attribute(
    "websocket.delivery.outcome",
    "`dropped`, by `error.type`: `oldest`, `newest`, `coalesced`: the queue was full, and the channel's policy says "
    "so; `slow`: the client was cut off; `closed`: it left; `failed`: the server raised.",
    ("delivered", "dropped"),
)
CONNECTION_ID = Attribute("websocket.connection.id", "Random identifier of one connection (16 hexadecimal digits).")
CHANNELS = Attribute("websocket.channels", "Every channel that the connection was in.")
USER_HASH = Attribute("user.hash", "Keyed hash (HMAC-SHA-256, `SOCKETSCOPE_USER_KEY`) of the user's identifier.")
USER_KEY_ID = Attribute(
    "socketscope.user_key.id", "Fingerprint of the key of `user.hash`: hashes of different keys can't be compared."
)
USER_ID = Attribute("user.id", "The user's identifier, only with `SOCKETSCOPE_USER_ID=1`.")
CLIENT_ADDRESS = Attribute("client.address", "Truncated: /24 for IPv4, /48 for IPv6.")
USER_AGENT = Attribute("user_agent.original", "The handshake's User-Agent header, at most 256 characters.")
PROTOCOL_NAME = Attribute("network.protocol.name", "Always `websocket`.", ("websocket",))
SUBPROTOCOL = Attribute("websocket.subprotocol", "The sub-protocol that the server chose.")
DURATION = Attribute("websocket.connection.duration", "Seconds from accept to the moment of the record.")
MESSAGES_RECEIVED = Attribute("websocket.connection.messages.received", "Messages received since accept.")
MESSAGES_SENT = Attribute("websocket.connection.messages.sent", "Messages sent since accept.")
BYTES_RECEIVED = Attribute("websocket.connection.bytes.received", "Payload bytes received since accept.")
BYTES_SENT = Attribute("websocket.connection.bytes.sent", "Payload bytes sent since accept.")
ERRORS = Attribute("websocket.connection.errors", "Errors since accept, up to the end of the connection.")
SEGMENT_MESSAGES_RECEIVED = Attribute("websocket.segment.messages.received", "Messages received in the segment.")
SEGMENT_MESSAGES_SENT = Attribute("websocket.segment.messages.sent", "Messages sent in the segment.")
SEGMENT_BYTES_RECEIVED = Attribute("websocket.segment.bytes.received", "Payload bytes received in the segment.")
SEGMENT_BYTES_SENT = Attribute("websocket.segment.bytes.sent", "Payload bytes sent in the segment.")
SEGMENT_HANDLING_MAX = Attribute(
    "websocket.segment.handling.duration.max", "Slowest handling of a message in the segment, in seconds."
)
SEGMENT_SEND_MAX = Attribute(
    "websocket.segment.send.duration.max",
    "Longest send of the segment, in seconds: the client's back-pressure.",
)
SEGMENT_INDEX = Attribute("websocket.segment.index", "0 for the first segment of a connection.")
SUPPRESSED = Attribute("websocket.error.suppressed", "Errors since the last record that were counted, not recorded.")
MESSAGE_BYTES = Attribute("websocket.message.size", "Payload bytes of a message, on its span, where they are known.")
MESSAGES_SUPPRESSED = Attribute(
    "websocket.message.suppressed",
    "Failed and slow messages since the last such span that got none: there were too many.",
)
MESSAGING_SYSTEM = Attribute("messaging.system", "What the broker of a hub is built on.", ("memory", "redis"))
BROKER_OUTCOME = Attribute(
    "websocket.hub.broker.outcome",
    "`published`: by this process; what came to it: `delivered` at once, `recovered` from the history, `lost` for good,"
    " or a `duplicate`, which was dropped.",
    ("published", "delivered", "recovered", "lost", "duplicate"),
)
EVALUATION_OUTCOME = Attribute(
    "socketscope.alerts.evaluation.outcome",
    "`no_data`: there was nothing to judge; `failed`: the backend could not be asked, or refused the question.",
    ("ok", "no_data", "failed"),
)
NOTIFIER = Attribute("socketscope.alerts.notifier", "Name of the receiver in the configuration.")
NOTIFICATION_OUTCOME = Attribute(
    "socketscope.alerts.notification.outcome",
    "`postponed`: the attempt failed and another one follows; `dead`: given up.",
    ("delivered", "postponed", "dead"),
)

OTHER: Final = "_other"
"""Value that stands for all attribute values beyond a limit."""

# Buckets --------------------------------

CONNECTION_SECONDS = (
    0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 1800, 3600, 10800, 21600, 43200, 86400,
)  # fmt: skip
LATENCY_SECONDS = tuple((1 << exponent) / 1e9 for exponent in range(10, 38))
"""Powers of two of a nanosecond, 1.024 us to 137 s: the bucket is found by `int.bit_length`."""
SIZE_BYTES = tuple(float(1 << exponent) for exponent in range(31))
"""Powers of two from 1 byte to 1 GiB: the bucket of a size is found by `int.bit_length`."""

# Metrics --------------------------------

_WHERE = (HTTP_ROUTE, SERVER_PORT)

ACTIVE_CONNECTIONS = Metric(
    "websocket.server.active_connections", "up-down counter", "{connection}", "Open connections.", _WHERE
)
CONNECTION_DURATION = Metric(
    "websocket.server.connection.duration",
    "histogram",
    "s",
    "Life of closed connections, from accept to the end.",
    (*_WHERE, CLOSE_CODE, CLOSE_INITIATOR, ERROR_TYPE),
    CONNECTION_SECONDS,
)
CLOSED_CONNECTIONS = Metric(
    "websocket.server.connections.closed",
    "counter",
    "{connection}",
    "Closed connections: the count of the durations, for set-ups in which histograms can't be exported.",
    (*_WHERE, CLOSE_CODE, CLOSE_INITIATOR, ERROR_TYPE),
)
HANDSHAKES = Metric(
    "websocket.server.handshakes",
    "counter",
    "{handshake}",
    "Finished handshakes.",
    (*_WHERE, HANDSHAKE_OUTCOME, HTTP_STATUS),
)
HANDSHAKE_DURATION = Metric(
    "websocket.server.handshake.duration",
    "histogram",
    "s",
    "From the request to its answer.",
    (*_WHERE, HANDSHAKE_OUTCOME),
    LATENCY_SECONDS,
)
MESSAGES = Metric(
    "websocket.server.messages",
    "counter",
    "{message}",
    "Messages; a sent one counts once the server took it.",
    (*_WHERE, DIRECTION, MESSAGE_TYPE),
)
IO = Metric("websocket.server.io", "counter", "By", "Payload bytes of messages.", (*_WHERE, DIRECTION))
MESSAGE_SIZE = Metric(
    "websocket.server.message.size",
    "histogram",
    "By",
    "Payload of a message.",
    (*_WHERE, DIRECTION),
    SIZE_BYTES,
)
HANDLING_DURATION = Metric(
    "websocket.server.message.handling.duration",
    "histogram",
    "s",
    "From a message's receipt to the application's next `receive()`.",
    _WHERE,
    LATENCY_SECONDS,
)
SEND_DURATION = Metric(
    "websocket.server.send.duration",
    "histogram",
    "s",
    "Sends that had to wait for the client.",
    _WHERE,
    LATENCY_SECONDS,
)
FIRST_MESSAGE_DURATION = Metric(
    "websocket.server.first_message.duration",
    "histogram",
    "s",
    "From accept to the first message received.",
    _WHERE,
    LATENCY_SECONDS,
)
PING_DURATION = Metric(
    "websocket.server.ping.duration",
    "histogram",
    "s",
    "From a ping of the server to the client's answer, where the server tells: our uvicorn protocol does.",
    _WHERE,
    LATENCY_SECONDS,
)
ERRORS_TOTAL = Metric(
    "websocket.server.errors",
    "counter",
    "{error}",
    "Exceptions of handlers; a client that is gone is not an error.",
    (*_WHERE, ERROR_TYPE, PHASE),
)
AGE_MAX = Metric("websocket.server.connection.age.max", "gauge", "s", "Age of the oldest open connection.", _WHERE)
IDLE_MAX = Metric(
    "websocket.server.connection.idle.max",
    "gauge",
    "s",
    "Longest time without a message among open ones.",
    _WHERE,
)
USER_COUNT = Metric(
    "websocket.server.user.count",
    "gauge",
    "{user}",
    "Distinct users with an open connection in this process; not to be summed over processes.",
)
CHANNEL_SUBSCRIBERS = Metric(
    "websocket.channel.subscriber.count",
    "up-down counter",
    "{subscriber}",
    "Open connections in the channel.",
    (CHANNEL,),
)
CHANNEL_MESSAGES = Metric(
    "websocket.channel.messages",
    "counter",
    "{message}",
    "Messages of connections while in the channel.",
    (CHANNEL, DIRECTION),
)
CHANNEL_IO = Metric(
    "websocket.channel.io",
    "counter",
    "By",
    "Payload bytes of connections while in the channel.",
    (CHANNEL, DIRECTION),
)
DELIVERIES = Metric(
    "websocket.channel.deliveries",
    "counter",
    "{delivery}",
    "Messages of the hub that were due to a subscriber, by what became of them; dropped ones with the reason.",
    (CHANNEL, DELIVERY_OUTCOME, ERROR_TYPE),
)
PENDING = Metric(
    "websocket.channel.pending",
    "up-down counter",
    "{delivery}",
    "Deliveries that wait for a client that is behind: with the deliveries, all that the hub was to send.",
    (CHANNEL,),
)
QUEUE_SIZE = Metric(
    "websocket.hub.queue.size",
    "histogram",
    "By",
    "What waits for one client of the hub, after each message that has to.",
    (),
    SIZE_BYTES,
)
BROKER_DURATION = Metric(
    "websocket.hub.broker.duration",
    "histogram",
    "s",
    "From publishing to receiving it: a canary of each process goes round once a second.",
    (MESSAGING_SYSTEM,),
    LATENCY_SECONDS,
)
BROKER_MESSAGES = Metric(
    "websocket.hub.broker.messages",
    "counter",
    "{message}",
    "Messages between the processes of a hub; what is published for a process is what is delivered to it, recovered "
    "and lost.",
    (MESSAGING_SYSTEM, BROKER_OUTCOME),
)
PACKETS = Metric(
    "websocket.engineio.packets",
    "counter",
    "{packet}",
    "Packets of python-engineio (python-socketio), over WebSocket: its pings are messages to everybody else.",
    (PACKET_TYPE, DIRECTION),
)
OVERFLOW = Metric(
    "socketscope.overflow",
    "counter",
    "{value}",
    "Attribute values that were folded into `_other` because a limit was reached, each time that one was.",
)
DRIFT = Metric(
    "socketscope.drift",
    "counter",
    "{connection}",
    "Connections by which the gauge of open ones had to be corrected against the live table.",
)
ALERT_EVALUATIONS = Metric(
    "socketscope.alerts.evaluations",
    "counter",
    "{evaluation}",
    "Evaluations of alerting rules; emitted by `socketscope serve`.",
    (EVALUATION_OUTCOME,),
)
ALERT_EVALUATION_DURATION = Metric(
    "socketscope.alerts.evaluation.duration",
    "histogram",
    "s",
    "From the moment for which all rules that are due together are evaluated to the moment when it is done and kept.",
    (),
    (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
ALERT_EVALUATIONS_MISSED = Metric(
    "socketscope.alerts.evaluations.missed",
    "counter",
    "{evaluation}",
    "Evaluations that did not take place: the service did not run, the machine slept, or there was too much to do.",
)
ALERT_NOTIFICATIONS = Metric(
    "socketscope.alerts.notifications",
    "counter",
    "{notification}",
    "Attempts to deliver a notification.",
    (NOTIFIER, NOTIFICATION_OUTCOME),
)

METRICS: tuple[Metric, ...] = (
    ACTIVE_CONNECTIONS,
    CONNECTION_DURATION,
    CLOSED_CONNECTIONS,
    HANDSHAKES,
    HANDSHAKE_DURATION,
    MESSAGES,
    IO,
    MESSAGE_SIZE,
    HANDLING_DURATION,
    SEND_DURATION,
    FIRST_MESSAGE_DURATION,
    PING_DURATION,
    ERRORS_TOTAL,
    AGE_MAX,
    IDLE_MAX,
    USER_COUNT,
    CHANNEL_SUBSCRIBERS,
    CHANNEL_MESSAGES,
    CHANNEL_IO,
    DELIVERIES,
    PENDING,
    QUEUE_SIZE,
    BROKER_DURATION,
    BROKER_MESSAGES,
    PACKETS,
    OVERFLOW,
    DRIFT,
    ALERT_EVALUATIONS,
    ALERT_EVALUATION_DURATION,
    ALERT_EVALUATIONS_MISSED,
    ALERT_NOTIFICATIONS,
)

# Events --------------------------------

OPENED = Event("websocket.connection.opened", "A handshake was accepted.")
PROGRESS = Event("websocket.connection.progress", "A segment ended and the connection goes on; counts are the life's.")
CLOSED = Event("websocket.connection.closed", "The connection ended; counts are the life's.")
ERROR = Event("websocket.error", "A handler raised; severity ERROR with `exception.*`, rate-limited.")
ERRORS_SUPPRESSED = Event(
    "websocket.errors.suppressed",
    "So many errors had no record of their own, and none followed to say so; severity WARN, of no one connection.",
)

EVENTS: tuple[Event, ...] = (OPENED, PROGRESS, CLOSED, ERROR, ERRORS_SUPPRESSED)

EVENT_ATTRIBUTES: tuple[Attribute, ...] = (
    CONNECTION_ID, HTTP_ROUTE, SERVER_PORT, CHANNELS, USER_HASH, USER_KEY_ID, USER_ID, CLIENT_ADDRESS, USER_AGENT,
    PROTOCOL_NAME, SUBPROTOCOL, DURATION, MESSAGES_RECEIVED, MESSAGES_SENT, BYTES_RECEIVED, BYTES_SENT, ERRORS,
    CLOSE_CODE, CLOSE_INITIATOR, CLOSE_REASON, ERROR_TYPE, SUPPRESSED,
)  # fmt: skip

# Keys of the ASGI scope --------------------------------

IGNORE_KEY: Final = "socketscope.ignore"
"""Set by an endpoint before it accepts: its connection is not to be reported."""

WIRE_KEY: Final = "socketscope.wire"
"""Key of the scope's extensions under which a server protocol of ours gives access to the connection itself."""

# Spans --------------------------------

SPAN_NAME = "WS {route}"
SEGMENT_NAME = "WS {route} segment"
MESSAGE_NAME = "WS {route} {action}"
"""`action`: receive or send."""

# What other instrumentations emit and socketscope reads --------------------------------

SYSTEM_CPU = Metric("system.cpu.utilization", "gauge", "1", "0..1 per CPU and state; usage is 1 - mean(idle).")
SYSTEM_MEMORY = Metric("system.memory.utilization", "gauge", "1", "0..1 per state; usage is state `used`.")
PROCESS_THREADS = Metric("process.thread.count", "up-down counter", "{thread}", "Threads of the process.")

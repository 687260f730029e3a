"""The scenarios: what happens on the wire, and what has to be told of it."""

from dataclasses import dataclass

import matrix_client as client
from matrix_servers import LIMIT


@dataclass(frozen=True)
class Scenario:
    """`truth` lists what may be told: `1000 client` (code and initiator), `denied 403`, `1006 server ValueError`.

    `errors`: what is counted, phase by phase. `route` is the template that every framework has to have.
    """

    name: str
    title: str
    act: object
    truth: tuple[str, ...]
    route: str = "/echo/{room}"
    at_the_end: bool = False
    """It is the server that stops."""


def of(act, *arguments):
    return lambda client: act(client, *arguments)


LOST = ("1005 network", "1006 network")

SCENARIOS = (
    Scenario("client-1000", "the client closes with 1000", of(client.leave, 1000), ("1000 client",)),
    Scenario(
        "client-1001", "the client closes with 1001 and a reason", of(client.leave, 1001, "bye"), ("1001 client",)
    ),
    Scenario("client-4123", "the client closes with a code of its own", of(client.leave, 4123), ("4123 client",)),
    Scenario("client-empty", "the client's close frame is empty", of(client.leave_without_a_code), ("1005 client",)),
    Scenario("reset", "the link is reset (RST)", of(client.reset), LOST),
    Scenario("fin", "the link ends (FIN) without a close frame", of(client.fin), LOST),
    Scenario("missed-pong", "the client answers no ping", of(client.ignore_pings), (*LOST, "1011 server")),
    Scenario("stops-reading", "the client stops reading (TCP_USER_TIMEOUT 1 s)", of(client.stop_reading), LOST),
    Scenario("too-large", "the client's message is too large", of(client.told, "x" * (LIMIT + 1)), ("1009 server",)),
    Scenario("invalid-utf8", "the client's text is not UTF-8", of(client.not_text), ("1007 server",)),
    Scenario(
        "server-close", "the handler closes with 4001 and receives again", of(client.told, "close"), ("4001 server",)
    ),
    Scenario(
        "returns", "the handler returns without a close", of(client.told, "return"), ("1006 server", "1000 server")
    ),
    Scenario(
        "raises",
        "the handler raises",
        of(client.told, "raise"),
        ("1006 server, ValueError", "4500 server, ValueError", "1000 server, ValueError"),
    ),
    Scenario(
        "send-after-gone",
        "the handler sends after the client has left",
        of(client.gone_while, "late"),
        ("1000 client",),
    ),
    Scenario(
        "close-after-gone",
        "the handler closes after the client has left",
        of(client.gone_while, "close late"),
        ("1000 client",),
    ),
    Scenario(
        "cleanup",
        "the handler raises while it cleans up after the client",
        of(client.gone_while, "cleanup"),
        ("1000 client, KeyError",),
    ),
    Scenario("raced", "the handler cancels `receive()` and asks again", of(client.race), ("1000 client",)),
    Scenario(
        "binary", "binary and non-ASCII messages, both keys in `websocket.send`", of(client.binary), ("1000 client",)
    ),
    Scenario("subprotocol", "a sub-protocol is chosen", of(client.choose), ("1000 client",), "/choose"),
    Scenario("mounted", "a mounted application", of(client.mounted), ("1000 client",), "/mounted/{tenant}/echo/{room}"),
    Scenario("denied", "the handler closes before accept", of(client.ask, "/deny"), ("denied 403",), "/deny"),
    Scenario(
        "deny-response",
        "the handler answers 401 before accept",
        of(client.ask, "/deny-response"),
        ("denied 401", "denied 403"),
        "/deny-response",
    ),
    Scenario(
        "broken",
        "the handler raises before accept",
        of(client.ask, "/broken"),
        ("failed 500, ValueError", "failed 403, ValueError"),
        "/broken",
    ),
    Scenario("invalid", "a parameter is not valid", of(client.ask, "/invalid?number=x"), ("denied 403",), "/invalid"),
    Scenario(
        "nowhere",
        "no route matches",
        of(client.ask, "/nowhere/7"),
        (
            "denied 403",
            "denied 404",
            "failed 500, ValueError",
            "failed 500, RuntimeError",
            "failed 500, hypercorn.utils.UnexpectedMessageError",
        ),
        "_unknown",
    ),
    Scenario("abandoned", "the client leaves before an answer", of(client.abandon), ("abandoned",), "/hesitate"),
    Scenario("excluded", "an excluded URL", of(client.mounted, "/excluded"), ("nothing",), ""),
    Scenario("socketio", "packets and pings over Socket.IO", of(client.packets), ("1000 client",), "/socket.io"),
    Scenario(
        "socketio-refused",
        "Socket.IO refuses the namespace",
        of(client.refused_packets),
        ("1000 client",),
        "/socket.io",
    ),
    Scenario(
        "socketio-raises",
        "a packet's handler raises",
        of(client.failing_packet),
        ("1000 client, ValueError",),
        "/socket.io",
    ),
    Scenario(
        "socketio-lost",
        "the link of a Socket.IO client ends",
        lambda c: client.packets(c, lost=True),
        LOST,
        "/socket.io",
    ),
    Scenario(
        "graphql",
        "a GraphQL subscription",
        of(client.subscribe, "subscription { count(to: 3) }"),
        ("1000 client",),
        "/graphql",
    ),
    Scenario(
        "graphql-fails",
        "a GraphQL subscription fails",
        of(client.subscribe, "subscription { fail }"),
        ("1000 client",),
        "/graphql",
    ),
    Scenario("graphql-bad", "a message is no GraphQL", of(client.not_graphql), ("4400 server",), "/graphql"),
    Scenario("shutdown", "the server stops", of(client.stay), ("1012 shutdown", "1006 shutdown"), at_the_end=True),
)


def scenario(name):
    return next(found for found in SCENARIOS if found.name == name)

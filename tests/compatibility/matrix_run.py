"""Runs all scenarios of one server with one framework, and says what was told of each."""

import asyncio
import contextlib
import json
from collections import Counter
from dataclasses import dataclass, field

from matrix_client import Client, until
from matrix_receiver import Receiver
from matrix_scenarios import SCENARIOS
from matrix_servers import APPS, Running

CODE, INITIATOR, ERROR_TYPE = "websocket.close.code", "websocket.close.initiator", "error.type"
OUTCOME, STATUS, PHASE = "websocket.handshake.outcome", "http.response.status_code", "websocket.phase"


@dataclass
class Cell:
    """What was told of one scenario. `why`: it can't be had. `messages` are the ASGI messages of the application."""

    told: str = ""
    route: str = ""
    messages_each_way: tuple[int, int] | None = None
    client: dict = field(default_factory=dict)
    messages: list = field(default_factory=list)
    why: str | None = None


@dataclass
class Ran:
    """All cells of one pair, and what the metrics of its processes have to say."""

    cells: dict[str, Cell]
    receiver: Receiver
    instances: int


def run(server, framework, directory, *, only=None, bare=False, environment=None):
    """Start the server, let the clients come, stop it, and read what it sent."""
    tape = directory / "tape"
    with Receiver() as receiver:
        program = Running(server, framework, directory, bare=bare)
        program.start(**environment_of(framework, receiver.url, directory, bare) | (environment or {}))
        try:
            program.wait_until(program.ready, 60)
            clients = asyncio.run(visit(program, receiver, tape, only, bare))
        finally:
            program.stop()
        taped = read(tape)
        cells = {}
        for scenario in SCENARIOS:
            if (why := lacking(scenario.name, server, framework)) is not None:
                cells[scenario.name] = Cell(why=why)
            elif scenario.name in clients:
                cells[scenario.name] = cell(scenario.name, receiver, clients[scenario.name].seen, taped)
        return Ran(cells, receiver, len({span["instance"] for span in receiver.spans}))


def environment_of(framework, url, directory, bare):
    if bare:
        return {
            **framework.environment,
            "PYTHONPATH": str(APPS),
            "PYTHONWARNINGS": "ignore",
            "COMPATIBILITY_TAPE": str(directory / "tape"),
        }
    return {
        "OTEL_SERVICE_NAME": "matrix",
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "3",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_METRIC_EXPORT_INTERVAL": "300",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_BLRP_SCHEDULE_DELAY": "100",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": ",".join(("system_metrics", *framework.without)),
        "SOCKETSCOPE_EXCLUDED_URLS": "^/excluded",
        "SOCKETSCOPE_TCP_USER_TIMEOUT": "1",
        "PYTHONPATH": str(APPS),
        "PYTHONWARNINGS": "ignore",
        "COMPATIBILITY_TAPE": str(directory / "tape"),
        **framework.environment,
    }


def lacking(name, server, framework):
    if (server.name, framework.name) == ("daphne", "Quart"):
        # Quart asks for `http_version`, which daphne's scope lacks: it does not run there.
        why = "Quart asks for `http_version`, which daphne's scope lacks: it does not run there"
        return why if name == "client-1000" else ""
    return framework.lacks.get(name, server.lacks.get(name))


async def visit(program, receiver, tape, only, bare):
    """All clients at once; the last one is there when the server stops."""
    wanted = [
        scenario
        for scenario in SCENARIOS
        if lacking(scenario.name, program.server, program.framework) is None and (only is None or scenario.name in only)
    ]
    url = program.url.replace("http://", "ws://")
    clients = {scenario.name: Client(url, scenario.name, lambda: read(tape)) for scenario in wanted}
    await asyncio.gather(*(act(scenario, clients[scenario.name]) for scenario in wanted if not scenario.at_the_end))
    if not bare:
        names = {scenario.name for scenario in wanted if not scenario.at_the_end and scenario.truth != ("nothing",)}
        await until_or_late(lambda: names <= ended(receiver))
    for scenario in wanted:
        if scenario.at_the_end:
            staying = asyncio.create_task(act(scenario, clients[scenario.name]))
            seen = clients[scenario.name].seen
            await until(lambda staying=staying, seen=seen: staying.done() or seen.get("messages"))
            program.process.terminate()
            await staying
    return clients


async def act(scenario, client):
    """Do it; what goes wrong is part of what the client saw."""
    try:
        async with asyncio.timeout(25):
            await scenario.act(client)
    except Exception as error:
        client.seen["failed"] = repr(error)


async def until_or_late(condition):
    """What does not come in time is missing in its cell."""
    with contextlib.suppress(TimeoutError):
        await until(condition, 6)


def ended(receiver):
    """The clients whose connections have been told to the end."""
    names = {event["user_agent.original"] for event in receiver.events if event["event"].endswith(".closed")}
    return names | {
        span.get("user_agent.original") for span in list(receiver.spans) if span.get(OUTCOME, "accepted") != "accepted"
    }


def read(tape):
    return [json.loads(line) for line in tape.read_text("utf-8").splitlines()] if tape.exists() else []


def cell(name, receiver, seen, taped):
    spans, events = receiver.of_agent()
    mine = [event for event in events[name] if event["event"] == "websocket.connection.closed"]
    handshakes = [span for span in spans[name] if OUTCOME in span]
    errors = [event for event in events[name] if event["event"] == "websocket.error"]
    told = [" ".join(map(str, (event[CODE], event[INITIATOR]))) for event in mine]
    told += [
        " ".join(filter(None, (span[OUTCOME], str(span.get(STATUS, "")))))
        for span in handshakes
        if span[OUTCOME] != "accepted"
    ]
    for event in errors:
        told.append(event[ERROR_TYPE])
    return Cell(
        told=", ".join(told) or "nothing",
        route=next((one["http.route"] for one in (*mine, *handshakes)), ""),
        messages_each_way=next(
            (
                (event["websocket.connection.messages.received"], event["websocket.connection.messages.sent"])
                for event in mine
            ),
            None,
        ),
        client=seen,
        messages=[[what, message] for agent, what, message in taped if agent == name],
    )


def sums(ran):
    """What metrics and events have to agree on: handshakes, ends, errors, messages each way, open connections."""
    events = [event for event in ran.receiver.events if event["event"] == "websocket.connection.closed"]
    by_events = {
        "closed": Counter((event[CODE], event[INITIATOR], event.get(ERROR_TYPE, "")) for event in events),
        "received": sum(event["websocket.connection.messages.received"] for event in events),
        "sent": sum(event["websocket.connection.messages.sent"] for event in events),
        "open": 0,
    }
    totals = ran.receiver.totals
    by_direction = totals("websocket.server.messages", "network.io.direction")
    by_metrics = {
        "closed": +totals("websocket.server.connections.closed", CODE, INITIATOR, ERROR_TYPE),
        "received": by_direction[("receive",)],
        "sent": by_direction[("transmit",)],
        "open": sum(totals("websocket.server.active_connections").values()),
    }
    return by_events, by_metrics


def is_right(scenario, cell, framework):
    """Whether what was told is what happened: how it ended, where, and the status that the client got."""
    where = scenario.route if framework.templates else without_templates(scenario, cell)
    status = cell.client.get("status")
    answered = status is None or f" {status}" in cell.told
    return cell.told in scenario.truth and cell.route == where and answered


def without_templates(scenario, cell):
    if scenario.route in {"", "_unknown"} or not cell.told[0].isdigit():
        return "_unknown" if scenario.route else ""
    first, _, rest = scenario.route[1:].partition("/")
    return f"/{first}/*" if rest else f"/{first}"

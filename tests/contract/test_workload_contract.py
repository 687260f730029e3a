"""Every implementation of `Metrics`, asked the same about one workload that came through the real Collector."""

import dataclasses

import pytest
from workload import BACKENDS, EMBEDDED, verdicts
from workload_programs import SERVERS


def differences(outcome, backend, choose):
    rows = [row for row in outcome.rows if choose(row.question)]
    assert rows
    return [found for row in rows if (found := row.differs(backend))]


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_count_is_what_the_clients_know_to_the_unit(outcome, backend):
    counted = differences(outcome, backend, lambda question: question.exact and question.ledger is not None)
    assert counted == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_quantiles_lie_within_one_bucket(outcome, backend):
    assert differences(outcome, backend, lambda question: question.bounds) == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_other_answers_are_the_same_everywhere(outcome, backend):
    assert differences(outcome, backend, lambda question: not question.bounds) == []


def test_everything_happened_that_is_asked_about(outcome):
    ledger = outcome.ledger
    assert min(ledger["closed", initiator] for initiator in ("client", "server", "network", "shutdown")) > 0
    assert min(ledger["handshakes", answer] for answer in ("accepted", "denied")) > 0
    assert len([key for key in ledger if key[0] == "errors"]) == 3
    assert len([key for key in ledger if key[0] == "instance"]) == 3
    assert ledger["messages", "receive"] + ledger["messages", "transmit"] > 10_000
    closed = sum(connections for key, connections in ledger.items() if key[0] == "closed")
    killed = ledger["handshakes", "accepted"] - closed
    assert killed > 0, "connections of the killed replica, whose end nobody could report"


def test_the_collector_passed_everything_on_to_everybody(outcome):
    assert len(outcome.passed_on) == 1 + len(SERVERS)
    assert len(set(outcome.passed_on.values())) == 1


@pytest.mark.parametrize("server", SERVERS)
def test_names_are_found_whatever_becomes_of_them(outcome, server):
    strategy, native = SERVERS[server]
    lines = dict(line.split(": ") for line in outcome.names[server])
    counter, size = {
        "UnderscoreEscapingWithSuffixes": ("websocket_server_io_bytes_total", "websocket_server_message_size_bytes"),
        "NoUTF8EscapingWithSuffixes": ("websocket.server.io_bytes_total", "websocket.server.message.size_bytes"),
        "NoTranslation": ("websocket.server.io", "websocket.server.message.size"),
    }[strategy]
    assert lines["websocket.server.io"] == counter
    assert lines["websocket.server.message.size"] == f"{size} ({'native' if native else 'classic'} histogram)"
    missing = {name for name, found in lines.items() if found == "not found"}
    others = (  # nothing that has these ran
        "socketscope.alerts.",
        "websocket.channel.deliveries",
        "websocket.channel.pending",
        "websocket.engineio.",
        "websocket.hub.",
        "websocket.server.ping.",
    )
    missing -= {name for name in missing if name.startswith(others)}
    assert missing <= {"websocket.server.send.duration"}, "nobody's socket was full"


def test_an_answer_that_is_one_off_is_told(outcome):
    row = next(row for row in outcome.rows if row.name == "messages by direction")
    spoilt = {**row.answers, "other": {labels: value + 1 for labels, value in row.answers[EMBEDDED].items()}}
    told = dataclasses.replace(row, answers=spoilt).differs("other")
    assert told.startswith("messages by direction: other says")


def test_an_answer_that_lacks_a_series_and_an_error_are_told(outcome):
    row = next(row for row in outcome.rows if row.name == "messages by direction")
    for answer in ({}, "BackendError('away')"):
        assert dataclasses.replace(row, answers={**row.answers, "other": answer}).differs("other")


def test_the_verdicts_are_of_every_row_and_fall_with_one(outcome):
    assert all(passed for _, _, _, passed in verdicts(outcome))
    assert len(verdicts(outcome)) == 3 * len(BACKENDS) + 1
    first, *rest = outcome.rows
    spoilt = dataclasses.replace(first, answers={backend: {} for backend in BACKENDS})
    fallen = [name for name, *_, passed in verdicts(dataclasses.replace(outcome, rows=[spoilt, *rest])) if not passed]
    assert fallen == [f"{backend}: counts equal to the clients' ledger, to the unit" for backend in BACKENDS]

import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from socketscope.demo import chat

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def client():
    return TestClient(chat.app)


def test_the_example_is_the_same_text_as_the_chat_in_the_wheel():
    assert (REPOSITORY / "examples/chat/app.py").read_bytes() == Path(chat.__file__).read_bytes()


def test_the_chat_has_no_word_about_telemetry():
    text = Path(chat.__file__).read_text(encoding="utf-8").lower()
    assert not [word for word in ("socketscope", "opentelemetry", "otel", "telemetry", "metric") if word in text]


def test_it_says_that_it_is_online(client):
    answer = client.get("/").json()
    assert answer.keys() == {"message", "status", "timestamp"}
    assert answer["status"] == "online"


def test_all_in_the_room_and_nobody_else_get_a_message(client):
    with (
        client.websocket_connect("/ws/a?user=ana") as ana,
        client.websocket_connect("/ws/a?user=bo") as bo,
        client.websocket_connect("/ws/b?user=cy") as cy,
    ):
        bo.send_json({"action": "say", "text": "olé"})
        bo.send_bytes(b"photo")
        said = {"type": "message", "user": "bo", "text": "olé"}
        assert [ana.receive_json() for _ in range(3)] == [
            {"type": "joined", "user": "ana"},
            {"type": "joined", "user": "bo"},
            said,
        ]
        assert [bo.receive_json() for _ in range(2)] == [{"type": "joined", "user": "bo"}, said]
        assert ana.receive_bytes() == bo.receive_bytes() == b"photo"
        cy.send_json({"action": "split", "amount": 10, "people": 4})
        assert [cy.receive_json()["type"] for _ in range(2)] == ["joined", "share"]


@pytest.mark.parametrize("query", ["", "?user=", "?user=mallory"])
def test_who_is_banned_or_has_no_name_is_refused_before_the_handshake_is_done(client, query):
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(f"/ws/a{query}"):
        pass


def test_a_mistake_of_one_ends_its_handler_and_the_others_are_told(client):
    def mistake():
        with client.websocket_connect("/ws/a?user=bo") as bo:
            bo.send_json({"action": "split", "amount": 1, "people": 0})
            bo.receive_json()
            bo.receive_json()

    with client.websocket_connect("/ws/a?user=ana") as ana:
        with pytest.raises(ZeroDivisionError):
            mistake()
        assert [ana.receive_json()["type"] for _ in range(3)] == ["joined", "joined", "left"]
    assert not chat.rooms.members


SPANS_OF_FASTAPI = """
import sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
from importlib import import_module
from fastapi.testclient import TestClient
client = TestClient(import_module(sys.argv[1]).app)
with client.websocket_connect("/ws/a?user=ana") as ana:
    assert ana.receive_json()["type"] == "joined"
print(len(exporter.get_finished_spans()))
"""


@pytest.mark.parametrize(("module", "traced"), [("chat", True), ("chat_untraced", False)])
def test_fastapis_own_telemetry_is_on_as_it_comes_and_can_be_switched_off_from_outside(module, traced):
    command = [sys.executable, "-c", SPANS_OF_FASTAPI, f"socketscope.demo.{module}"]
    spans = int(subprocess.check_output(command, text=True))
    assert (spans > 0) == traced

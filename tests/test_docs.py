"""Every Python snippet of the README and of docs/traces.md runs as it stands."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi import Depends, FastAPI, WebSocket
from sybil import Document
from sybil.parsers.markdown import PythonCodeBlockParser

from socketscope.instrumentation import own

ROOT = Path(__file__).parents[1]


def only_operators() -> None: ...


def test_the_snippets_of_the_readme_run() -> None:
    document = Document.parse(str(ROOT / "README.md"), PythonCodeBlockParser())
    # What a reader has around a snippet: an application, an account, a rule of their own about who may ask.
    around = {
        "app": FastAPI(),
        "account": SimpleNamespace(id="ann"),
        "Depends": Depends,
        "WebSocket": WebSocket,
        "only_operators": only_operators,
    }
    document.namespace.update(around)
    examples = list(document)
    assert len(examples) >= 3
    for example in examples:
        example.evaluate()
    assert "/monitoring/websocket/metrics" in document.namespace["app"].openapi()["paths"]


def test_the_snippet_of_a_message_carrier_finds_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own._Own, "options", None)
    monkeypatch.setattr(own._Own, "reporter", None)
    document = Document.parse(str(ROOT / "docs" / "traces.md"), PythonCodeBlockParser())
    document.namespace["app"] = FastAPI()
    [example] = document
    example.evaluate()
    found = own.own_reporter().options.message_carrier
    assert found is document.namespace["carrier"]
    assert found({"text": '{"headers": {"traceparent": "00-1"}, "body": 5}'}) == {"traceparent": "00-1"}

"""Every Python snippet of the README runs as it stands."""

from pathlib import Path
from types import SimpleNamespace

from fastapi import Depends, FastAPI, WebSocket
from sybil import Document
from sybil.parsers.markdown import PythonCodeBlockParser

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

"""The page on brokers says what is."""

import re
from dataclasses import fields
from pathlib import Path

from sybil import Document
from sybil.parsers.markdown import PythonCodeBlockParser

from socketscope.hub.brokers.redis import RedisBroker, RedisOptions

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "brokers.md").read_text("utf-8")


def test_its_snippets_run():
    document = Document.parse(str(DOCS / "brokers.md"), PythonCodeBlockParser())
    for example in document:
        example.evaluate()
    assert isinstance(document.namespace["hub"].broker, RedisBroker)


def test_every_option_is_described_with_its_default():
    table = PAGE.partition("## Options")[2].partition("##")[0]
    described = {
        name: default
        for names, default in re.findall(r"^\| (`.*?) \| (.*?) \|", table, re.MULTILINE)
        for name in [names]
    }
    names = [name for cell in described for name in re.findall(r"`(\w+)`", cell)]
    assert names == [field.name for field in fields(RedisOptions)]
    for cell, default in described.items():
        for name, shown in zip(re.findall(r"`(\w+)`", cell), default.split(", "), strict=True):
            value = getattr(RedisOptions(), name)
            number, _, unit = shown.replace(",", "").strip('"').partition(" ")
            factor = {"MiB": 1024**2}.get(unit, 1)
            assert value == (number.strip('`"') if isinstance(value, str) else float(number) * factor), name

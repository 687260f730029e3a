"""The templates: everything that is put into one is escaped, but styles and charts, which are ours (`safe`)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("socketscope.reports.form"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def fill(name: str, **values: Any) -> str:
    """Fill the template `name`."""
    return _environment().get_template(name).render(**values)


def source(name: str) -> str:
    """Return a file that stands beside the templates, as it is."""
    return Path(__file__).with_name("templates").joinpath(name).read_text(encoding="utf-8")

"""The templates: everything that is put into one is escaped, but what is marked as HTML of ours."""

from __future__ import annotations

from functools import cache
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
    loader = _environment().loader
    assert loader is not None  # noqa: S101 - it was given
    return loader.get_source(_environment(), name)[0]

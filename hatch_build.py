"""Build hook: a wheel contains the console's page. It is built before (`make page`), never here: no Node is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGE = Path("src/socketscope/console/page/index.html")


class PageHook(BuildHookInterface):  # type: ignore[type-arg] # hatchling's own builder configuration is not needed
    """Refuses to build a wheel without the page; an editable install may do without."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Check that the page is there. Raises `FileNotFoundError` that says how to build it."""
        if version != "editable" and not Path(self.root, PAGE).is_file():
            raise FileNotFoundError(f"{PAGE} is not there: run `make page`, which builds it from ui/, and try again.")

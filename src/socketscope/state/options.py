"""Where the state is kept."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class StateOptions(BaseModel):
    """The file of alert states, silences and notifications."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    file: Path | None = None
    """The file; by default `socketscope-state.sqlite` beside the store, and nowhere where the store is in memory."""

"""What can be chosen about the console."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from socketscope.access import Listening


class ConsoleOptions(Listening):
    """Where the console listens, who may ask, and how it judges what it shows. Durations are seconds."""

    host: str = Field(default="127.0.0.1", json_schema_extra={"option": "--host"})
    """Address of the page and the API; one that is not loopback needs a token."""
    port: int = Field(default=8300, ge=0, le=65535, json_schema_extra={"option": "--port"})
    """Port of the page and the API; 0 lets the system choose a free one."""
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Names, separated by commas, by which others call the console, besides those of this machine and `host`."""
    connections_maximum: int = Field(default=1000, ge=1)
    """What the bar of connections calls full."""
    export_interval: float | None = Field(default=None, gt=0)
    """How often the services export metrics; by default it is observed."""

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

"""What can be chosen about the console."""

from __future__ import annotations

from pydantic import Field

from socketscope.access import Listening
from socketscope.commas import Names


class ConsoleOptions(Listening):
    """Where the console listens, who may ask, and how it judges what it shows. Durations are seconds."""

    host: str = Field(default="127.0.0.1", json_schema_extra={"option": "--host"})
    """Address of the page and the API; one that is not loopback needs a token."""
    port: int = Field(default=8300, ge=0, le=65535, json_schema_extra={"option": "--port"})
    """Port of the page and the API; 0 lets the system choose a free one."""
    allowed_hosts: Names = ()
    """Names, separated by commas, by which others call the console, besides those of this machine and `host`."""
    connections_maximum: int = Field(default=1000, ge=1)
    """What the bar of connections calls full."""
    export_interval: float | None = Field(default=None, gt=0)
    """How often the services export metrics; by default it is observed."""

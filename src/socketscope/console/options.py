"""What can be chosen about the console."""

from __future__ import annotations

from ipaddress import ip_address

from pydantic import BaseModel, ConfigDict, Field, field_validator


class ConsoleOptions(BaseModel):
    """Where the console listens and how it judges what it shows. Durations are seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    host: str = Field(default="127.0.0.1", json_schema_extra={"option": "--host"})
    """Address of the page and the API; a loopback address, as there is no login."""
    port: int = Field(default=8300, ge=0, le=65535, json_schema_extra={"option": "--port"})
    """Port of the page and the API; 0 lets the system choose a free one."""
    connections_maximum: int = Field(default=1000, ge=1)
    """What the bar of connections calls full."""
    export_interval: float | None = Field(default=None, gt=0)
    """How often the services export metrics; by default it is observed."""

    @field_validator("host")
    @classmethod
    def _loopback_only(cls, host: str) -> str:
        if not is_loopback(host):
            raise ValueError("127.0.0.1, ::1 or localhost: there is no login yet, so only this machine may ask")
        return host


def is_loopback(host: str) -> bool:
    """Whether `host` is `localhost` or a literal loopback address; other names are not resolved."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

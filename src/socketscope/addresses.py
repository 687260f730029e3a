"""Hosts and ports as people and URLs write them."""

from __future__ import annotations

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether `host` is `localhost` or a literal loopback address; other names are not resolved."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def authority(host: str, port: int) -> str:
    """Return host and port as a URL has them (RFC 3986, 3.2.2): an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

"""Hosts and ports: as people and URLs write them, and to listen on."""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address

from socketscope.errors import ConfigurationError, PortInUseError


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


def listen(host: str, port: int, *, section: str, option: str) -> socket.socket:
    """Bind a TCP socket and listen. `section` is that of the configuration that has `host`, `option` sets the port.

    Raises `PortInUseError`, or `ConfigurationError` for an address that this machine lacks or may not bind.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(f"{section}.host", host, f"an address of this machine ({error})") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(host, port, option) from error
        raise ConfigurationError(section, authority(host, port), f"an address to listen on ({error})") from error
    return listener

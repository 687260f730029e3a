"""A WebSocket client that reads only when it is told to, over a socket with a small buffer."""

import asyncio
import socket
import struct
from pathlib import Path
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.uri import parse_uri


class SlowClient:
    def __init__(self, url, buffer=4096):
        self.sock = socket.socket()
        # Set before connecting, or the window is larger already.
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.sock.settimeout(0)
        self.protocol = ClientProtocol(parse_uri(url), max_size=None)
        self._address = urlsplit(url)

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self.sock, (self._address.hostname, self._address.port))
        self.protocol.send_request(self.protocol.connect())
        await loop.sock_sendall(self.sock, b"".join(self.protocol.data_to_send()))
        while not self.protocol.handshake_exc and self.protocol.state.name == "CONNECTING":
            self.protocol.receive_data(await loop.sock_recv(self.sock, 1))
        self.protocol.events_received()
        return self

    async def __aexit__(self, *_):
        self.sock.close()

    def reset(self):
        """Leave without a word."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    async def read(self, done):
        """Read until `done(payloads)`, or the end; gives the payloads of data frames."""
        loop = asyncio.get_running_loop()
        payloads = []
        while not done(payloads):
            try:
                data = await asyncio.wait_for(loop.sock_recv(self.sock, 65536), 20)
            except ConnectionError:
                return payloads
            if not data:
                return payloads
            self.protocol.receive_data(data)
            payloads += [
                bytes(event.data)
                for event in self.protocol.events_received()
                if isinstance(event, Frame) and event.opcode in (1, 2)
            ]
        return payloads


def open_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))

"""What doubles of HTTP services share: a server on loopback, and the record of what was asked of it.

A double stands in for a program that can't be had here. It is strict: what its model of the program does not know it
refuses, and never guesses.
"""

import gzip
import json
import socket
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict
    headers: dict
    body: bytes


@dataclass(frozen=True)
class Reply:
    """An answer with more than JSON and 200: str and bytes are sent as they are. `cut`: how much of it arrives."""

    content: object
    status: int = 200
    headers: dict = field(default_factory=dict)
    cut: int | None = None


class Refusal(Exception):
    def __init__(self, status, body, headers=None):
        super().__init__(body)
        self.status = status
        self.body = body
        self.headers = headers or {}


class HttpDouble(ABC):
    """Answers on 127.0.0.1 while it is entered; `answer(asked)` returns what becomes JSON, or raises `Refusal`.

    `tls`: a context of ssl, for https.
    """

    def __init__(self, *, tls=None):
        self.tls = tls
        self.asked = []
        self.url = ""

    @abstractmethod
    def answer(self, asked):
        """What becomes JSON, or a `Reply`; raises `Refusal`."""

    def __enter__(self):
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                address = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                query = parse_qs(address.query, keep_blank_values=True, strict_parsing=bool(address.query))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, address.path, query, headers, body)
                double.asked.append(asked)
                try:
                    reply = double.answer(asked)
                except Refusal as refusal:
                    reply = Reply(refusal.body, refusal.status, refusal.headers)
                self.reply(reply if isinstance(reply, Reply) else Reply(reply))

            def reply(self, reply):
                content = reply.content
                is_text = isinstance(content, str | bytes)
                payload = (
                    content if isinstance(content, bytes) else (content if is_text else json.dumps(content)).encode()
                )
                self.send_response(reply.status)
                self.send_header("Content-Type", "text/plain" if is_text else "application/json")
                self.send_header("Content-Length", str(len(payload)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(payload[: reply.cut])
                if reply.cut is not None:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True

            do_GET = do_POST = handle_any

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if self.tls:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

"""Small programs in place of the demo's own, for what happens when one of them fails."""

import json
import sys
from dataclasses import dataclass, field

from socketscope.demo.ledger import KEYS
from socketscope.demo.stack.process import Program
from socketscope.demo.stack.report import FIGURES

COUNTS = dict.fromkeys(KEYS, 3)
STATS = {"total_connections": 3, "unique_channels": 3, **COUNTS}

SERVER = """
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(ANSWERS).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

ANSWERS = json.loads(sys.argv[2])
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

MAIL = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    while True:
        connection, _ = listener.accept()
        connection.sendall(b"220 here")
        connection.close()
"""

USERS = """
import json, pathlib, signal, sys, threading
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
pathlib.Path("users-run").touch()
if sys.argv[2] == "endless":
    while not stop.wait(0.05):
        pass
pathlib.Path(sys.argv[1]).write_text(sys.argv[3])
"""

REPORT = """
import pathlib, sys
pathlib.Path(sys.argv[1]).write_text("<p>")
pathlib.Path(sys.argv[2]).write_text(sys.argv[3])
with open("mails.jsonl", "a") as mails:
    mails.write(sys.argv[4])
"""

DIES = "import sys; print('line one'); print('the disk is on fire', file=sys.stderr); sys.exit(7)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1)"


@dataclass(frozen=True)
class StandIns:
    """Command lines of programs that do as if."""

    measured: dict = field(default_factory=lambda: STATS)
    reported: dict = field(default_factory=lambda: COUNTS)
    mailed: bool = True
    ledger: dict = field(default_factory=lambda: COUNTS)
    endless: bool = False
    dying: str = ""

    def console(self, options, directory):
        return self.program("console", SERVER, options.port, json.dumps(self.measured))

    def mail(self, mailbox):
        return self.program("mail", MAIL, mailbox.port)

    def report(self, directory, files, *, since):
        mail = json.dumps({"to": ["a@b.c"], "subject": "WebSockets: 3 connections", "images": 2, "key": "k"}) + "\n"
        content = json.dumps(report_of(self.reported))
        return self.program("report", REPORT, files.html, files.json, content, mail if self.mailed else "")

    def chat(self, options, replica):
        return self.program(replica.name, SERVER, replica.port, "{}")

    def users(self, options, replicas, ledger):
        return self.program("users", USERS, ledger, "endless" if self.endless else "short", json.dumps(self.ledger))

    def program(self, name, code, *arguments):
        code = DIES if self.dying == name else code
        return Program(name, [sys.executable, "-S", "-c", code, *map(str, arguments)])


def report_of(counts):
    """A report's JSON with these figures, by the keys of the ledger."""
    denied = counts["connections_denied"]
    return {
        "summary": {FIGURES.get(key, key): {"value": value} for key, value in counts.items()},
        "handshakes": {"value": None if denied is None else [{"outcome": "denied", "count": denied}]},
    }

"""A mail server that takes every mail and writes it down, one line of JSON each: a program of the demo.

python -m socketscope.demo.stack.smtp_sink PORT FILE
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope

from socketscope.demo.stack.options import HOST


class Sink:
    """Takes mails."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Envelope) -> str:
        """Write a mail down, then say that it was taken."""
        mail = message_from_bytes(envelope.original_content or b"", policy=default)
        text = mail.get_body(("plain",))
        line = {
            "to": envelope.rcpt_tos,
            "subject": mail["Subject"],
            "key": mail["X-Socketscope-Key"],
            "images": sum(part.get_content_maintype() == "image" for part in mail.walk()),
            "text": text.get_content().replace("\r\n", "\n") if text else "",
        }
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return "250 taken"


async def serve(port: int, file: Path) -> None:
    """Take mails until SIGTERM."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(lambda: SMTP(Sink(file), hostname="demo.invalid"), HOST, port)
    async with server:
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))

"""A report on its way: the same thing in each form in which a receiver may show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import Base64Bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture (PNG) in a document's page, where `cid:NAME` stands for it (RFC 2392); in base64 where it is kept."""

    name: str
    content: Base64Bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What is told in full; strings from telemetry are harmless in each form already.

    * `title`: one line. `brief`: a few sentences for receivers with little room.
    * `text`: all of it as plain text. `markdown`: as CommonMark, for chats. `page`: as HTML for mail, with `images`.
    * `data`: for programs, what JSON knows.
    """

    title: str
    brief: str
    text: str
    markdown: str
    page: str
    images: Sequence[Image] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

"""The routes about reports: which there are, and each of them as a file."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from pydantic import BaseModel, Field
from starlette.requests import HTTPConnection

from socketscope.console.moments import to_datetime
from socketscope.console.problems import Problem
from socketscope.reports.archive import Archive
from socketscope.reports.form.html import POLICY
from socketscope.state.reports import Entry, Fate, Form

router = APIRouter(tags=["Reports"], responses={422: {"model": Problem}, 503: {"model": Problem}})
"""They answer from the `Archive` in `app.state.archive`; where it is None, no reports are made here: 503."""

_TYPES: Final[dict[Form, str]] = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "md": "text/markdown; charset=utf-8",
}
_SANDBOX: Final = f"{POLICY}; frame-ancestors 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
"""A page of its own that belongs to nobody: whatever should get into it, it can't ask the console."""


class KeptReport(BaseModel):
    """The report of a local day."""

    date: date
    status: Fate = Field(description="`due`: it is to be made, or tried again; `given_up`: it will not be made.")
    due_at: datetime
    made_at: datetime | None
    attempts: int = Field(description="How often it was tried.")
    detail: str = Field(description="What the last attempt that failed brought.")
    files: dict[Form, str] = Field(description="Path of each form.")


class Reports(BaseModel):
    """`GET /reports`."""

    reports: list[KeptReport] = Field(description="The newest day first.")


def _archive(connection: HTTPConnection) -> Archive:
    archive: Archive | None = connection.app.state.archive
    if archive is None:
        raise HTTPException(503, "Reports are not made by this console.")
    return archive


Given = Annotated[Archive, Depends(_archive)]


@router.get("/reports")
async def get_reports(archive: Given, limit: Annotated[int, Query(ge=1, le=4000)] = 100) -> Reports:
    """List the reports that are kept, are due, or were given up."""
    return Reports(reports=[_kept(entry) for entry in await archive.entries(limit=limit)])


@router.get(
    "/reports/{day}.{form}",
    response_class=Response,
    responses={
        200: {"content": {kind.partition(";")[0]: {} for kind in _TYPES.values()}},
        404: {"model": Problem, "description": "There is no report of that day."},
    },
)
async def get_report(archive: Given, day: date, form: Form) -> Response:
    """Return the report of a local day, as it was made."""
    text = await archive.read(day, form)
    if text is None:
        raise HTTPException(404, f"There is no report of {day}: see /reports.")
    place = "inline" if form == "html" else "attachment"
    headers = {"content-disposition": f'{place}; filename="websockets-{day}.{form}"', "content-type": _TYPES[form]}
    return Response(text, headers=headers | ({"content-security-policy": _SANDBOX} if form == "html" else {}))


def _kept(entry: Entry) -> KeptReport:
    made = entry.status == "made"
    forms: tuple[Form, ...] = ("html", "json", "md") if made else ()
    return KeptReport(
        date=entry.date,
        status=entry.status,
        due_at=to_datetime(entry.due_at),
        made_at=to_datetime(entry.ended_at) if made and entry.ended_at is not None else None,
        attempts=entry.attempts,
        detail=entry.detail,
        files={form: f"/reports/{entry.date}.{form}" for form in forms},
    )

"""The routes about alerts, silences and notifications."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query
from starlette.requests import HTTPConnection

from socketscope.alerts.board import Active, Board, RuleHealth
from socketscope.console import alert_schemas as schemas
from socketscope.console.moments import to_datetime
from socketscope.console.problems import Problem
from socketscope.monitoring.origin import is_same_origin
from socketscope.rules.text import render

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from socketscope.state.history import Episode
    from socketscope.state.outbox import Letter
    from socketscope.state.silences import Silence

router = APIRouter(
    tags=["Alerts"], responses={403: {"model": Problem}, 422: {"model": Problem}, 503: {"model": Problem}}
)
"""They answer from the `Board` in `app.state.board`; where it is None, alerts are not evaluated here: 503."""


def _board(connection: HTTPConnection) -> Board:
    board: Board | None = connection.app.state.board
    if board is None:
        raise HTTPException(503, "Alerts are not evaluated by this console.")
    return board


def _from_here(connection: HTTPConnection) -> None:
    """Refuse what a page of somebody else's sends: browsers let it, and tell its origin."""
    if not is_same_origin(connection):
        raise HTTPException(403, "This can be asked by the console's own page and by programs, not by other pages.")


Given = Annotated[Board, Depends(_board)]
FromHere = Depends(_from_here)


@router.get("/alerts")
async def get_alerts(board: Given, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> schemas.Alerts:
    """Return the alerts that are pending or fire, and the last ones that fired with who was told of them."""
    return schemas.Alerts(
        timestamp=to_datetime(time.time()),
        problem=board.alive(),
        active=[_active(one, board) for one in await board.active()],
        history=[_past(episode, letters) for episode, letters in await board.episodes(limit=limit)],
    )


@router.get("/alerts/rules")
async def get_rules(board: Given) -> schemas.Rules:
    """Return every rule with its health, which stands beside the states of its alerts and changes none of them."""
    return schemas.Rules(rules=[_rule(one) for one in board.rules()])


@router.get("/silences")
async def get_silences(board: Given) -> schemas.Silences:
    """Return the silences that have not expired, the next to expire first."""
    return schemas.Silences(silences=[_silence(one) for one in await board.silences()])


@router.post("/silences", status_code=201, dependencies=[FromHere])
async def post_silence(board: Given, new: schemas.NewSilence) -> schemas.Silence:
    """Tell nobody of the alerts that match, for a time."""
    try:
        made = await board.silence(new.matchers, seconds=new.seconds, author=new.author, reason=new.reason)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    return _silence(made)


@router.delete("/silences/{silence}", status_code=204, dependencies=[FromHere], responses={404: {"model": Problem}})
async def delete_silence(board: Given, silence: str) -> None:
    """End a silence now."""
    if not await board.expire(silence):
        raise HTTPException(404, f"There is no silence {silence!r} that has not expired.")


@router.get("/notifications/dead")
async def get_dead_letters(board: Given) -> schemas.DeadLetters:
    """Return the notifications that were given up, the last one first."""
    return schemas.DeadLetters(letters=[_dead(letter) for letter in await board.dead()])


@router.post(
    "/notifications/dead/{letter}", status_code=204, dependencies=[FromHere], responses={404: {"model": Problem}}
)
async def post_dead_letter(board: Given, letter: Annotated[int, Path(ge=0, lt=1 << 53)]) -> None:
    """Try to deliver a notification again that was given up."""
    if not await board.resend(letter):
        raise HTTPException(404, f"There is no notification {letter} that was given up.")


def _active(one: Active, board: Board) -> schemas.ActiveAlert:
    rule, alert = one.rule, one.alert
    return schemas.ActiveAlert(
        rule=rule.name,
        fingerprint=alert.fingerprint,
        state=alert.state,
        severity=rule.severity,
        labels=dict(alert.labels),
        summary=render(rule, alert.labels, alert.value),
        value=_finite(alert.value),
        threshold=rule.threshold,
        since=_time(alert.since),
        fired_at=_time(alert.fired_at),
        silenced_by=list(one.muted.silenced_by),
        muted_by=list(one.muted.muted_by),
        health=board.state_of(rule.name).health,
        runbook=rule.runbook,
    )


def _past(episode: Episode, letters: Sequence[Letter]) -> schemas.PastAlert:
    return schemas.PastAlert(
        rule=episode.rule,
        fingerprint=episode.fingerprint,
        severity=episode.severity,
        labels=dict(episode.labels),
        fired_at=to_datetime(episode.fired_at),
        value=_finite(episode.value),
        ended_at=_time(episode.ended_at),
        end=episode.end,
        told=[
            schemas.Told(
                notifier=letter.notifier,
                status=letter.notification.status,
                key=letter.notification.key,
                fate=letter.status,
                attempts=letter.attempts,
                delivered_at=_time(letter.ended_at if letter.status == "delivered" else None),
                detail=letter.detail,
            )
            for letter in letters
        ],
    )


def _rule(one: RuleHealth) -> schemas.RuleStatus:
    states = [alert.state for alert in one.state.alerts.values()]
    return schemas.RuleStatus(
        rule=one.rule.name,
        severity=one.rule.severity,
        labels=dict(one.rule.labels),
        interval=one.rule.interval,
        health=one.state.health,
        problem=one.state.problem,
        evaluated_at=_time(one.state.at),
        missed=one.missed,
        pending=states.count("pending"),
        firing=states.count("firing"),
        runbook=one.rule.runbook,
    )


def _silence(one: Silence) -> schemas.Silence:
    return schemas.Silence(
        id=one.id,
        matchers=dict(one.matchers),
        created_at=to_datetime(one.created_at),
        expires_at=to_datetime(one.expires_at),
        author=one.author,
        reason=one.reason,
    )


def _dead(letter: Letter) -> schemas.DeadLetter:
    return schemas.DeadLetter(
        id=letter.id,
        notifier=letter.notifier,
        rule=letter.notification.rule,
        status=letter.notification.status,
        summary=letter.notification.summary,
        key=letter.notification.key,
        attempts=letter.attempts,
        queued_at=to_datetime(letter.queued_at),
        given_up_at=_time(letter.ended_at),
        detail=letter.detail,
    )


def _time(moment: float | None) -> datetime | None:
    return None if moment is None else to_datetime(moment)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None

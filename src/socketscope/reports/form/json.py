"""JSON, for programs: every figure with its source, method, certainty and coverage, under the keys of the seed.

Moments are ISO 8601 in UTC, those of a period in its zone. `schema()` describes it; it is published as
docs/report.schema.json.
"""

from __future__ import annotations

import json as standard
from datetime import UTC, date, datetime
from typing import Any, Final

from pydantic import TypeAdapter

from socketscope.reports.model import Compared, Period, Report, Summary

NAME: Final = "socketscope.report.v1"
"""Name and version of the shape: keys may be added to it, a change of one gives a new version."""
_MOMENTS: Final = frozenset({"since", "until", "generated_at", "fired_at", "ended_at"})
_CHARTS: Final = ("connections_per_hour",)
"""Figures of a report that are drawn; in JSON they are in `charts`."""
_REPORT: Final = TypeAdapter(Report)
_SUMMARY: Final = TypeAdapter(Summary)
_DATE_TIME: Final = {"type": "string", "format": "date-time"}


def as_dict(report: Report) -> dict[str, Any]:
    """Return what JSON has of a report."""
    found: dict[str, Any] = _with_moments(_REPORT.dump_python(report, mode="json"))
    found["period"] = _period(report.period)
    comparison = found["comparison"]
    comparison["day_before"]["period"] = _period(report.comparison.day_before.period)
    for one, compared in zip(comparison["same_weekday"], report.comparison.same_weekday, strict=True):
        one["period"] = _period(compared.period)
    charts = {name: found.pop(name) for name in _CHARTS}
    return {"schema": NAME, "period": found.pop("period"), "summary": found.pop("summary"), "charts": charts, **found}


def json(report: Report) -> str:
    """Return a report as JSON."""
    return standard.dumps(as_dict(report), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def compared(text: str) -> Compared | None:
    """Read from JSON what others are compared with; None where it is of a shape that is not known here."""
    try:
        found = standard.loads(text)
        of = found["period"]
        return Compared(
            period=Period(
                since=datetime.fromisoformat(of["start"]).timestamp(),
                until=datetime.fromisoformat(of["end"]).timestamp(),
                zone=of["zone"],
                day=date.fromisoformat(of["day"]) if of["day"] else None,
            ),
            summary=_SUMMARY.validate_python(found["summary"]),
        )
    except (ValueError, KeyError, TypeError):  # pydantic's is a ValueError
        return None


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of what `json` returns."""
    found = _schema_with_moments(_REPORT.json_schema(mode="serialization"))
    period = found["$defs"]["Period"]
    period["properties"] = {
        "start": _DATE_TIME,
        "end": _DATE_TIME,
        "hours": {"type": "number", "description": "Its length: 23, 24 or 25 for most days."},
        **{name: period["properties"][name] for name in ("zone", "day")},
    }
    period["required"] = list(period["properties"])
    period["description"] = (
        "`[start, end)` in a zone; `day` is the local date where it is one from midnight to midnight."
    )
    properties = found["properties"]
    charts = {name: properties.pop(name) for name in _CHARTS}
    found["properties"] = {
        "schema": {"const": NAME},
        "period": properties.pop("period"),
        "summary": properties.pop("summary"),
        "charts": {"type": "object", "properties": charts, "required": list(charts)},
        **properties,
    }
    found["required"] = list(found["properties"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "WebSocket report", **found}


def _period(period: Period) -> dict[str, Any]:
    return {
        "start": period.start.isoformat(),
        "end": period.end.isoformat(),
        "hours": period.hours,
        "zone": period.zone,
        "day": period.day and period.day.isoformat(),
    }


def _with_moments(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _moment(of) if key in _MOMENTS and isinstance(of, int | float) else _with_moments(of)
            for key, of in value.items()
        }
    return [_with_moments(one) for one in value] if isinstance(value, list) else value


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _schema_with_moments(value: Any) -> Any:
    if isinstance(value, list):
        return [_schema_with_moments(one) for one in value]
    if not isinstance(value, dict):
        return value
    changed = {key: _schema_with_moments(of) for key, of in value.items()}
    properties = changed.get("properties")
    if isinstance(properties, dict):
        for name in _MOMENTS & properties.keys():
            null = "anyOf" in properties[name]
            properties[name] = {"anyOf": [_DATE_TIME, {"type": "null"}]} if null else dict(_DATE_TIME)
    return changed

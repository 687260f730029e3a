"""A double of PagerDuty's Events API v2, from its documentation. No PagerDuty can be had here.

It knows `POST /v2/enqueue`, one integration, and refuses every field that is not listed here. What it does not do:
change events, images, services' settings.
"""

import json
from datetime import datetime

from doubles.http_double import Refusal, Reply
from doubles.receiver_double import ReceiverDouble, json_of

EVENT = {"routing_key", "event_action", "dedup_key", "payload", "links", "images", "client", "client_url"}
PAYLOAD = {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}
SEVERITIES = {"critical", "error", "warning", "info"}


class PagerDutyDouble(ReceiverDouble):
    """`incidents`: dedup_key -> `triggered`, `acknowledged` or `resolved`; `events`: everything that was taken."""

    def __init__(self, *faults, routing_key="0123456789abcdef0123456789abcdef"):
        super().__init__(*faults)
        self.routing_key = routing_key
        self.incidents = {}
        self.events = []

    def take(self, asked):
        if (asked.method, asked.path) != ("POST", "/v2/enqueue"):
            raise Refusal(404, "")
        event = json_of(asked)
        if errors := [*self.errors(event)]:
            raise Refusal(400, {"status": "invalid event", "message": "Event object is invalid", "errors": errors})
        self.events.append(event)
        key = event["dedup_key"]
        if event["event_action"] == "trigger":
            self.incidents[key] = "triggered"
        elif key in self.incidents:
            self.incidents[key] = {"resolve": "resolved", "acknowledge": "acknowledged"}[event["event_action"]]
        return Reply({"status": "success", "message": "Event processed", "dedup_key": key}, 202)

    def errors(self, event):
        for name in event.keys() - EVENT:
            yield f"'{name}' is not known"
        if len(event.get("routing_key", "")) != 32:
            yield "Length of 'routing_key' is incorrect (should be 32 characters)"
        elif event["routing_key"] != self.routing_key:
            yield "Invalid routing key"
        if event.get("event_action") not in {"trigger", "acknowledge", "resolve"}:
            yield "'event_action' is invalid"
        if not 1 <= len(event.get("dedup_key", "")) <= 255:
            yield "'dedup_key' is missing or too long"
        if event.get("event_action") != "trigger" and event.keys() & {"client", "client_url", "links", "images"}:
            yield "what is shown is of triggers only"
        if event.get("event_action") == "trigger":
            yield from self.errors_of_trigger(event)

    def errors_of_trigger(self, event):
        payload = event.get("payload", {})
        if len(json.dumps(event)) > 512 * 1024:
            yield "the event is larger than 512 KB"
        if not isinstance(payload.get("custom_details", {}), dict):
            yield "'payload.custom_details' is no object"
        for name in payload.keys() - PAYLOAD:
            yield f"'payload.{name}' is not known"
        if not 1 <= len(payload.get("summary", "")) <= 1024:
            yield "'payload.summary' is missing or too long"
        if not payload.get("source"):
            yield "'payload.source' is missing or blank"
        if payload.get("severity") not in SEVERITIES:
            yield "'payload.severity' is invalid"
        if datetime.fromisoformat(payload["timestamp"]).tzinfo is None:
            yield "'payload.timestamp' has no zone"
        for link in event.get("links", []):
            if link.keys() != {"href", "text"} or not link["href"].startswith(("http://", "https://")):
                yield "'links' is invalid"

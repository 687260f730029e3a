"""A double of Slack's Web API, from its documentation. No Slack can be had here, so this is not Slack.

It knows `chat.postMessage` and `chat.update`, one token and one channel, and refuses every argument that is not listed
here. What it does not do: scopes, rate limits of its own (give it a fault), rendering.
"""

from doubles.http_double import Refusal
from doubles.receiver_double import ReceiverDouble, json_of

SHARED = {"channel", "text", "attachments", "blocks", "metadata", "parse", "link_names"}
POST = SHARED | {"thread_ts", "unfurl_links", "unfurl_media"}
UPDATE = SHARED | {"ts"}


class SlackDouble(ReceiverDouble):
    """`messages`: ts -> the message as it is now; `errors`: method -> the error that it answers with."""

    def __init__(self, *faults, token="xoxb-1234-abcdef", channel="#alerts", channel_id="C0ALERTS"):
        super().__init__(*faults)
        self.token = token
        self.channels = {channel: channel_id, channel_id: channel_id}
        self.messages = {}
        self.errors = {}

    def take(self, asked):
        if asked.method != "POST":
            raise Refusal(405, "")
        method = asked.path.removeprefix("/api/")
        if asked.headers.get("authorization") is None:
            return failed("not_authed")
        if asked.headers["authorization"] != f"Bearer {self.token}":
            return failed("invalid_auth")
        if method in self.errors:
            return failed(self.errors[method])
        if method == "chat.postMessage":
            return self.post(json_of(asked))
        return self.update(json_of(asked)) if method == "chat.update" else failed("unknown_method")

    def post(self, body):
        if wrong := refusal(body, POST):
            return failed(wrong)
        if body["channel"] not in self.channels:
            return failed("channel_not_found")
        thread = body.get("thread_ts")
        if thread is not None and thread not in self.messages:
            return failed("thread_not_found")
        ts = f"1700000000.{len(self.messages):06}"
        self.messages[ts] = body
        return {"ok": True, "channel": self.channels[body["channel"]], "ts": ts, "message": {"text": body["text"]}}

    def update(self, body):
        if wrong := refusal(body, UPDATE):
            return failed(wrong)
        # Names are no good here, ids are.
        if self.channels.get(body["channel"]) != body["channel"]:
            return failed("channel_not_found")
        if body["ts"] not in self.messages:
            return failed("message_not_found")
        # Without `parse` names and addresses in a text that is changed become links, unlike in one that is posted.
        self.messages[body["ts"]] |= {"parse": "client", "link_names": False}
        self.messages[body["ts"]] |= {name: value for name, value in body.items() if name not in ("channel", "ts")}
        return {"ok": True, "channel": body["channel"], "ts": body["ts"], "text": body["text"]}


def failed(error):
    return {"ok": False, "error": error}


def refusal(body, known):
    if body.keys() - known or body.get("parse", "none") not in {"none", "full"}:
        return "invalid_arguments"
    if not body.get("text"):
        return "no_text"
    if len(body["text"]) > 40_000:
        return "msg_too_long"
    metadata = body.get("metadata", {"event_type": "", "event_payload": {}})
    if not (isinstance(metadata.get("event_type"), str) and isinstance(metadata.get("event_payload"), dict)):
        return "invalid_metadata_format"
    inner = [block for attachment in body.get("attachments", []) for block in attachment["blocks"]]
    blocks = [*body.get("blocks", []), *inner]
    if sum(len(block["text"]) for block in blocks if block["type"] == "markdown") > 12_000:
        return "msg_blocks_too_long"
    return None if all(map(is_block, blocks)) and len(blocks) <= 50 else "invalid_blocks"


def is_block(block):
    if block["type"] == "markdown":
        return isinstance(block["text"], str) and bool(block["text"]) and not block.keys() - {"type", "text"}
    if block["type"] == "section":
        fields = block.get("fields", [])
        texts = [*fields, *([block["text"]] if "text" in block else [])]
        return bool(texts) and len(fields) <= 10 and all(is_text(text, 2000 if fields else 3000) for text in texts)
    if block["type"] == "context":
        return 1 <= len(block["elements"]) <= 10 and all(is_text(text, 3000) for text in block["elements"])
    return False


def is_text(text, most):
    return (
        text["type"] == "mrkdwn" and 1 <= len(text["text"]) <= most and not text.keys() - {"type", "text", "verbatim"}
    )

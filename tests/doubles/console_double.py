"""A double of a console's API for programs, `/api`: instant queries that a script answers. No store is behind it."""

import json
import sys

from pydantic import TypeAdapter

from doubles.http_double import HttpDouble, Refusal
from socketscope.backends import wire
from socketscope.backends.base import Sample

_QUESTION = TypeAdapter(wire.InstantQuestion)


class EndureKills:
    """For doubles whose clients are killed while they ask: not to be answered is not a mistake of theirs."""

    def __enter__(self):
        entered = super().__enter__()
        report = self._server.handle_error
        self._server.handle_error = lambda *asked: (
            None if isinstance(sys.exc_info()[1], ConnectionError) else report(*asked)
        )
        return entered

    @staticmethod
    def require_whole(asked):
        if len(asked.body) < int(asked.headers.get("content-length", 0)):
            raise ConnectionResetError("the client was killed while it asked")


class ConsoleDouble(EndureKills, HttpDouble):
    """`measured(metric, at)` gives values by one pair of label and value, or by None; None for no data.

    The first part of a path is who asks; what is asked by whom about which moment is in `moments`. While `down` it
    answers 503, and counts whom in `refused`.
    """

    def __init__(self, measured):
        super().__init__()
        self.measured = measured
        self.down = False
        self.moments = {}
        self.refused = {}

    def answer(self, asked):
        self.require_whole(asked)
        _, who, *path = asked.path.split("/")
        if self.down:
            self.refused[who] = self.refused.get(who, 0) + 1
            raise Refusal(503, {"title": "Service Unavailable", "status": 503, "detail": "stopped for the test"})
        match path:
            case ["api", "query", "instant"]:
                question = _QUESTION.validate_json(asked.body)
                self.moments.setdefault(who, {}).setdefault(question.query.metric, []).append(question.at)
                values = self.measured(question.query.metric, question.at) or {}
                samples = [Sample(dict([pair] if pair else []), value, question.at) for pair, value in values.items()]
                return json.loads(wire.Samples(samples=samples).model_dump_json())
            case ["api", "query", "range"]:
                return {"series": []}
            case ["api", "instances"]:
                return {"instances": []}
        raise Refusal(404, {"title": "Not Found", "status": 404, "detail": f"this double has no {asked.path}"})

"""What a console is asked and answers on `/api`: shapes that `backends/remote.py` and the console share.

They wrap the data classes of `query/model.py` and `backends/base.py`. Times are seconds since the epoch; a number that
JSON does not have is one of the texts `Infinity`, `-Infinity`, `NaN`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Discriminator, Field, FiniteFloat, Tag

from socketscope.backends.base import Capabilities, Instance, Sample, Series
from socketscope.backends.exports import Exports
from socketscope.backends.links import PLACEHOLDER
from socketscope.query.model import Query, Ratio

PREFIX: Final = "/api"
MOST_CONNECTIONS: Final = 10_000
"""Open connections in one answer."""
MOST_CHANNELS: Final = 1000
"""Channels in one account of connections."""


def _which(value: Any) -> str:
    is_ratio = "numerator" in value if isinstance(value, Mapping) else isinstance(value, Ratio)
    return "ratio" if is_ratio else "query"


Question = Annotated[
    Annotated[Query, Tag("query")] | Annotated[Ratio, Tag("ratio")],
    Discriminator(_which),
]
"""A query, or a ratio of two: what has a `numerator` is a ratio."""


class InstantQuestion(BaseModel):
    """`POST /api/query/instant`."""

    model_config = ConfigDict(extra="forbid")

    query: Question
    at: FiniteFloat = Field(description="End of the query's window.")


class RangeQuestion(BaseModel):
    """`POST /api/query/range`."""

    model_config = ConfigDict(extra="forbid")

    query: Question
    start: FiniteFloat
    end: FiniteFloat
    step: FiniteFloat = Field(gt=0, description="Seconds between the moments that are asked about.")


class Samples(BaseModel):
    """Answer to an `InstantQuestion`."""

    model_config = ConfigDict(ser_json_inf_nan="strings")

    samples: list[Sample]


class Lines(BaseModel):
    """Answer to a `RangeQuestion`."""

    model_config = ConfigDict(ser_json_inf_nan="strings")

    series: list[Series]


class Instances(BaseModel):
    """`GET /api/instances`."""

    instances: list[Instance]


class Peak(BaseModel):
    """`GET /api/peak`; null where there are no points."""

    peak: float | None


class ExportsAnswer(BaseModel):
    """`GET /api/exports`; null where the backend can't tell."""

    exports: Exports | None


class About(BaseModel):
    """`GET /api/backend`."""

    capabilities: Capabilities
    trace_link: str | None = Field(
        default=None, description=f"Address of the page of a trace, with {PLACEHOLDER} in place of its id."
    )

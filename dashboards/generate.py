"""The boards as files, by their path in the repository; written by scripts/gen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from dashboards.grafana import overview_board
from socketscope.query.naming import Strategy

STRATEGIES: Final[tuple[Strategy, ...]] = (
    "UnderscoreEscapingWithSuffixes",
    "NoUTF8EscapingWithSuffixes",
    "NoTranslation",
)
"""How Prometheus may name our metrics (`otlp.translation_strategy`); the first one is its default."""

FILES: Final[Mapping[str, Callable[[], str]]] = {
    f"dashboards/grafana/{strategy}/overview.json": partial(overview_board, strategy) for strategy in STRATEGIES
}

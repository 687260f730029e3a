"""Names of the store's tables of pieces, by the width of what they hold."""

from __future__ import annotations

from typing import Final

from socketscope.query.kept import HOURS, MINUTES, TENS

ROLLUP: Final = {TENS: "rollup_10s", MINUTES: "rollup_1m", HOURS: "rollup_1h"}
"""Series by bucket: `series_id, time_ns, points, step, value, value_ns, start_ns, low, high, total`."""

BUCKETS: Final = {TENS: "buckets_10s", MINUTES: "buckets_1m", HOURS: "buckets_1h"}
"""Observations of histograms by bucket: `series_id, time_ns, value_ns, lower, upper, n`."""

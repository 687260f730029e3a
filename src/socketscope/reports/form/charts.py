"""Charts by matplotlib's objects (no pyplot, which keeps state for the whole process): PNG for mail, SVG for pages.

A chart has numbers, times and dates in it, and no name that a stranger chose.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from socketscope.reports.form.words import Words

_DPI: Final = 192
"""Dots per inch of a PNG: two for each pixel of a page."""
_LOCK: Final = threading.Lock()
"""What is set for SVG is set for the whole process, if only for a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar; its value is None where nothing is known, which is drawn otherwise than 0.

    `label` stands below it, or nothing does; `text` above it where the chart's bars are named.
    """

    label: str
    value: float | None
    text: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Bars beside one another; where they are `named`, each has its label and its text."""

    bars: Sequence[Bar]
    named: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Colours of everything in a chart."""

    paper: str
    ink: str
    muted: str
    grid: str
    bar: str
    strong: str


MAIL: Final = Palette(paper="#ffffff", ink="#1d2433", muted="#5b6475", grid="#e4e7ec", bar="#8fb1f0", strong="#2563d9")
_STAND_INS: Final = Palette(
    paper="#fe0001", ink="#fe0002", muted="#fe0003", grid="#fe0004", bar="#fe0005", strong="#fe0006"
)
"""Colours that become the page's own variables (`var(--ink)`), so that a chart is as light or dark as the page."""


def png(chart: Chart, words: Words, *, width: float, height: float) -> bytes:
    """Draw a chart for mail; width and height in pixels of a page."""
    file = BytesIO()
    canvas = _draw(chart, words, MAIL, width=width, height=height)
    canvas.savefig(file, format="png", dpi=_DPI, facecolor=MAIL.paper, metadata={"Software": None})
    return file.getvalue()


def svg(chart: Chart, words: Words, *, width: float, height: float) -> str:
    """Draw a chart to stand in a page, whose colours and fonts it takes; its text stays text."""
    file = BytesIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with _LOCK, mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": f"{width}"}):
        _draw(chart, words, _STAND_INS, width=width, height=height).savefig(
            file, format="svg", facecolor="none", metadata=nothing
        )
    return _of_the_page(file.getvalue().decode())


def _draw(chart: Chart, words: Words, palette: Palette, *, width: float, height: float) -> Canvas:
    canvas = Canvas(figsize=(width / 96, height / 96), dpi=96, layout="constrained")
    axes = canvas.add_subplot(facecolor="none")
    highest = max((bar.value for bar in chart.bars if bar.value is not None), default=0) or 1
    places = range(len(chart.bars))
    axes.bar(
        places,
        [bar.value or 0 for bar in chart.bars],
        width=0.82 if len(chart.bars) < 80 else 1.0,
        color=[palette.strong if bar.strong else palette.bar for bar in chart.bars],
        zorder=2,
    )
    for place, bar in enumerate(chart.bars):
        if bar.value is None:
            axes.bar(place, highest, width=1.0, fill=False, hatch="////", edgecolor=palette.grid, linewidth=0, zorder=1)
    _label(axes, chart, words, palette, width=width, highest=highest)
    return canvas


def _label(axes: Axes, chart: Chart, words: Words, palette: Palette, *, width: float, highest: float) -> None:
    axes.set_xlim(-0.6, len(chart.bars) - 0.4)
    axes.set_ylim(0, highest * (1.16 if chart.named else 1.08))
    labelled = [(place, bar.label) for place, bar in enumerate(chart.bars) if bar.label]
    # As many labels as have room, at regular places.
    every = max(1, -(-len(labelled) * (80 if chart.named else 46) // int(width)))
    if chart.named:
        labelled = [(place, label if every == 1 else label.replace(" ", "\n", 1)) for place, label in labelled]
    else:
        labelled = labelled[::every]
    axes.set_xticks([place for place, _ in labelled], [label for _, label in labelled])
    axes.tick_params(axis="both", length=0, labelsize=8.5, labelcolor=palette.muted, pad=5)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(palette.grid)
    if chart.named:
        axes.set_yticks([])
        for place, bar in enumerate(chart.bars):
            colour = palette.muted if bar.value is None else palette.ink
            axes.text(
                place, (bar.value or 0) + highest * 0.03, bar.text, ha="center", va="bottom", size=8.5, color=colour
            )
        return
    axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(4, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: words.number(value)))
    axes.grid(axis="y", color=palette.grid, linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)


def _of_the_page(text: str) -> str:
    """Take what belongs to a file of its own out of an SVG, and give it the page's colours and fonts."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<style .*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*pt"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*pt"', r"\1", text))
    text = re.sub(r' id="(?:figure|axes|patch|text|xtick|ytick|line2d|matplotlib\.axis)_\d+"', "", text)
    text = re.sub(r" font-family: [^;\"]*;", "", text)
    for name in Palette.__slots__:
        text = text.replace(getattr(_STAND_INS, name), f"var(--{name})")
    return text.replace("<svg ", '<svg aria-hidden="true" ', 1).strip()

import uPlot from "uplot";
import { compact } from "../data/format";
import { SERIES, windowOf, type Point } from "../data/history";
import { LINES } from "../data/lines";

/** uPlot's columns: times, then one column for each of `SERIES`. */
export function columnsOf(points: readonly Point[]): uPlot.AlignedData {
  return [points.map((point) => point.time), ...SERIES.map((name) => points.map((point) => point[name]))];
}

interface Look {
  /** Value of a CSS variable. */
  css: (variable: string) => string;
  /** Pixels of the page's font size. */
  rem: number;
  width: number;
  height: number;
}

function axis({ css, rem }: Look, options: uPlot.Axis): uPlot.Axis {
  return {
    stroke: css("--muted"),
    font: `${0.75 * rem}px ${css("--font")}`,
    grid: { stroke: css("--grid"), width: 1 },
    ticks: { show: false },
    ...options,
  };
}

/** The chart's options in the colours of the page as it looks now; `onCursor` gets the point under the cursor. */
export function optionsFor(look: Look, onCursor: (index: number | null) => void): uPlot.Options {
  return {
    width: look.width,
    height: look.height,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: {
        time: true,
        range: (_plot, first: number | null, last: number | null) => {
          const now = Date.now() / 1000;
          return windowOf(first ?? now, last ?? now);
        },
      },
      count: { range: (_plot, _low, high: number | null) => [0, Math.max(1.1 * (high ?? 0), 5)] },
      percent: { range: [0, 100] },
    },
    axes: [
      axis(look, {
        space: 4.5 * look.rem,
        size: 1.6 * look.rem,
        values: [
          [60, "{HH}:{mm}", null, null, null, null, null, null, 1],
          [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1],
        ],
      }),
      axis(look, {
        scale: "count",
        size: 2.8 * look.rem,
        values: (_plot, ticks) => ticks.map((value) => compact(value)),
      }),
      axis(look, {
        scale: "percent",
        // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- a const enum: types only
        side: 1,
        size: 2.8 * look.rem,
        splits: [0, 25, 50, 75, 100],
        grid: { show: false },
        values: (_plot, ticks) => ticks.map((value) => `${value}%`),
      }),
    ],
    series: [
      {},
      ...LINES.map((line): uPlot.Series => ({
        label: line.label,
        scale: line.scale,
        stroke: look.css(line.colour),
        width: line.width,
        dash: line.dash,
        spanGaps: false,
        // A value alone between two gaps would otherwise not be seen.
        points: { size: 4, fill: look.css(line.colour), show: false, filter: alone },
      })),
    ],
    hooks: {
      setCursor: [
        (plot) => {
          onCursor(plot.cursor.idx ?? null);
        },
      ],
    },
  };
}

function alone(plot: uPlot, series: number): number[] | null {
  const column = plot.data[series];
  if (column === undefined) return null;
  const indices: number[] = [];
  for (let i = 0; i < column.length; i++) {
    if (column[i] != null && column[i - 1] == null && column[i + 1] == null) indices.push(i);
  }
  return indices;
}

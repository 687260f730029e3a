import { percent, rate } from "./format";
import type { SeriesName } from "./history";

/** How a series of the chart looks and reads. Width and dashes tell the lines apart where colour does not. */
export interface Line {
  name: SeriesName;
  label: string;
  /** The CSS variable with its colour. */
  colour: `--series-${SeriesName}`;
  width: number;
  dash: number[];
  scale: "count" | "percent";
  format: (value: number) => string;
}

export const LINES: readonly Line[] = [
  {
    name: "connections",
    label: "Connections",
    colour: "--series-connections",
    width: 2.5,
    dash: [],
    scale: "count",
    format: rate,
  },
  {
    name: "messages",
    label: "Messages/s",
    colour: "--series-messages",
    width: 1.25,
    dash: [],
    scale: "count",
    format: rate,
  },
  {
    name: "cpu",
    label: "CPU",
    colour: "--series-cpu",
    width: 1.5,
    dash: [3, 3],
    scale: "percent",
    format: percent,
  },
  {
    name: "memory",
    label: "Memory",
    colour: "--series-memory",
    width: 1.5,
    dash: [9, 3, 2, 3],
    scale: "percent",
    format: percent,
  },
];

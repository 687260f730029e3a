import { useState } from "react";
import { count, minuteOfDay, timeOfDay, timeZone } from "../data/format";
import { extentOf, isEmpty, windowOf, type Point, type SeriesName } from "../data/history";
import { LINES } from "../data/lines";
import { useHistory } from "../hooks/useHistory";
import { Chart } from "./Chart";
import { Legend } from "./Legend";
import { MinuteTable } from "./MinuteTable";
import { Panel } from "./Panel";
import styles from "./Timeline.module.css";

function summaryOf(points: readonly Point[]): string {
  const parts = LINES.map(({ name, label, format }) => {
    const extent = extentOf(points, name);
    if (extent === null) return `${label}: no data.`;
    return `${label}: ${format(extent.last)} at last, between ${format(extent.low)} and ${format(extent.high)}.`;
  });
  return `Line chart. ${parts.join(" ")}`;
}

function titleOf(points: readonly Point[]): string {
  const [start, end] = windowOf(points[0]?.time ?? 0, points.at(-1)?.time ?? 0);
  const minutes = Math.round((end - start) / 60);
  return minutes === 1 ? "Last minute" : `Last ${count(minutes)} minutes`;
}

/** The last minutes as lines, as values, and as a table. */
export function Timeline({ tail }: { tail: readonly Point[] }) {
  const { points, failure } = useHistory(tail);
  const [cursor, setCursor] = useState<number | null>(null);
  const [hidden, setHidden] = useState<ReadonlySet<SeriesName>>(new Set());
  const pointed = cursor === null ? undefined : points[cursor];
  const first = points.find((point) => !isEmpty(point));

  const toggle = (name: SeriesName) => {
    const next = new Set(hidden);
    if (!next.delete(name)) next.add(name);
    setHidden(next);
  };

  return (
    <Panel
      title={titleOf(points)}
      note={pointed === undefined ? `local time, ${timeZone()}` : `at ${timeOfDay(pointed.time)}`}
    >
      <Legend point={pointed ?? points.at(-1)} hidden={hidden} onToggle={toggle} />
      <figure
        className={styles.figure}
        data-testid="chart"
        data-value={points.filter((point) => !isEmpty(point)).length}
        data-first={first?.time ?? "null"}
      >
        <Chart points={points} hidden={hidden} summary={summaryOf(points)} onCursor={setCursor} />
        <figcaption className={styles.caption}>
          <span>left: connections, messages/s</span>
          <span>right: CPU, memory</span>
        </figcaption>
      </figure>
      {failure !== null && (
        <p className={styles.failure} data-testid="chart_failure">
          The history could not be read ({failure}); shown is what this page has received
          {first === undefined ? "" : ` since ${minuteOfDay(first.time)}`}.
        </p>
      )}
      <MinuteTable points={points} />
    </Panel>
  );
}

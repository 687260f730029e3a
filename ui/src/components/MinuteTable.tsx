import { useState } from "react";
import { minuteOfDay } from "../data/format";
import { perMinute, type Point } from "../data/history";
import { LINES } from "../data/lines";
import styles from "./MinuteTable.module.css";
import { TableRegion } from "./TableRegion";

/** The chart's numbers, a row a minute, for those who can't or won't read lines. */
export function MinuteTable({ points }: { points: readonly Point[] }) {
  const [open, setOpen] = useState(false);
  return (
    <details
      className={styles.details}
      onToggle={(event) => {
        setOpen(event.currentTarget.open);
      }}
    >
      <summary>The same as a table</summary>
      {open && (
        <TableRegion label="Numbers of the chart by minute">
          <thead>
            <tr>
              <th scope="col">Minute</th>
              {LINES.map((line) => (
                <th key={line.name} scope="col" data-numeric>
                  {line.label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {perMinute(points)
              .reverse()
              .map((point) => (
                <tr key={point.time}>
                  <th scope="row">{minuteOfDay(point.time)}</th>
                  {LINES.map((line) => {
                    const value = point[line.name];
                    return (
                      <td key={line.name} data-numeric>
                        {value === null ? "no data" : line.format(value)}
                      </td>
                    );
                  })}
                </tr>
              ))}
          </tbody>
        </TableRegion>
      )}
    </details>
  );
}

import type { Point, SeriesName } from "../data/history";
import { LINES } from "../data/lines";
import styles from "./Legend.module.css";

interface Props {
  /** The point whose values are shown; undefined: there is none. */
  point: Point | undefined;
  hidden: ReadonlySet<SeriesName>;
  onToggle: (name: SeriesName) => void;
}

/** The lines with their values; each can be hidden, which rescales the axis for the others. */
export function Legend({ point, hidden, onToggle }: Props) {
  return (
    <ul className={styles.legend}>
      {LINES.map((line) => {
        const value = point?.[line.name] ?? null;
        return (
          <li key={line.name}>
            <button
              type="button"
              className={styles.item}
              aria-pressed={!hidden.has(line.name)}
              onClick={() => {
                onToggle(line.name);
              }}
            >
              <svg width="24" height="8" aria-hidden="true" className="graphic">
                <line
                  x1="0"
                  y1="4"
                  x2="24"
                  y2="4"
                  stroke={`var(${line.colour})`}
                  strokeWidth={line.width}
                  strokeDasharray={line.dash.join(" ")}
                />
              </svg>
              {line.label}
              <strong data-testid={`chart_${line.name}`} data-value={value ?? "null"}>
                {value === null ? "no data" : line.format(value)}
              </strong>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

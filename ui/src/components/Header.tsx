import type { ReactNode } from "react";
import type { Metrics } from "../data/answers";
import { POLL_SECONDS, type DataState, type Kind } from "../data/feed";
import { count, duration, timeOfDay } from "../data/format";
import styles from "./Header.module.css";

const SIGNS: Record<Kind, string> = {
  connecting: "…",
  live: "●",
  polling: "◐",
  stale: "!",
  unreachable: "×",
};

function label({ kind, age }: DataState): string {
  switch (kind) {
    case "connecting":
      return "connecting";
    case "live":
      return "live";
    case "polling":
      return `polling every ${POLL_SECONDS} s (live channel unavailable)`;
    case "stale":
      return age === null ? "stale: no data yet" : `stale: no new data for ${count(Math.floor(age))} s`;
    case "unreachable":
      return "service unreachable";
  }
}

const ANNOUNCEMENTS: Record<Kind, string> = {
  connecting: "Connecting",
  live: "Data is live",
  polling: "Live channel unavailable, polling",
  stale: "Data is stale",
  unreachable: "Service unreachable",
};

interface Props {
  state: DataState;
  metrics: Metrics | null;
  children?: ReactNode;
}

/** What this is, how far its numbers can be trusted, and how old they are. */
export function Header({ state, metrics, children }: Props) {
  return (
    <header className={styles.header}>
      <h1 className={styles.name}>socketscope</h1>
      {metrics !== null && (
        <p className={styles.fleet}>
          <span data-testid="instances" data-value={metrics.instances}>
            {count(metrics.instances)} {metrics.instances === 1 ? "process" : "processes"}
          </span>
          {metrics.uptime !== null && (
            <span data-testid="uptime" data-value={metrics.uptime}>
              up {duration(metrics.uptime)}
            </span>
          )}
        </p>
      )}
      <p className={styles.trust}>
        <span className={styles.state} data-kind={state.kind} data-testid="status" data-value={state.kind}>
          <span aria-hidden="true" className={styles.sign}>
            {SIGNS[state.kind]}
          </span>
          {label(state)}
        </span>
        <span className={styles.age}>
          <span data-testid="age" data-value={state.age === null ? "null" : state.age.toFixed(1)}>
            {state.age === null ? "no data" : `${duration(state.age)} old`}
          </span>
          {metrics !== null && (
            <>
              {", as of "}
              <time data-testid="shown" data-value={metrics.timestamp} dateTime={metrics.timestamp}>
                {timeOfDay(Date.parse(metrics.timestamp) / 1000)}
              </time>
            </>
          )}
        </span>
      </p>
      {children}
      <span className="visually-hidden" role="status">
        {ANNOUNCEMENTS[state.kind]}
      </span>
    </header>
  );
}

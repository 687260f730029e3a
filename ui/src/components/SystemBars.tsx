import type { Metrics } from "../data/answers";
import { count, percent, share } from "../data/format";
import { shareOf } from "../data/levels";
import { Meter } from "./Meter";
import { Panel } from "./Panel";
import { Value } from "./Value";
import styles from "./SystemBars.module.css";

const MAXIMUM = 1000;
const WAITING = "The first answer of the console has not come yet.";

/** CPU and memory of the busiest host, and how far the connections are from what was called full. */
export function SystemBars({ metrics }: { metrics: Metrics | null }) {
  const system = metrics?.system_metrics ?? null;
  const why =
    metrics === null
      ? WAITING
      : (metrics.system_metrics_reason ?? "No service has sent data about its host.");
  const maximum = metrics?.connections_maximum ?? MAXIMUM;
  return (
    <Panel
      title="System"
      note={
        <>
          <Value testid="active_threads" value={system?.active_threads} format={count} why={why} /> threads
        </>
      }
    >
      <div className={styles.bars}>
        <Meter
          label="CPU"
          testid="cpu_usage"
          value={system?.cpu_usage}
          maximum={100}
          format={percent}
          why={why}
        />
        <Meter
          label="Memory"
          testid="memory_usage"
          value={system?.memory_usage}
          maximum={100}
          format={percent}
          why={why}
        />
        <Meter
          label="Connections"
          testid="connections_of_maximum"
          value={metrics?.current_connections}
          maximum={maximum}
          format={(value) => `${count(value)} of ${count(maximum)} (${share(shareOf(value, maximum))})`}
          why={metrics === null ? WAITING : "The console has no data for this number."}
        />
      </div>
      {metrics?.system_metrics_reason != null && (
        <p className={styles.reason}>{metrics.system_metrics_reason}</p>
      )}
    </Panel>
  );
}

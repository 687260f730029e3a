import type { Metrics } from "../data/answers";
import { topChannels } from "../data/channels";
import { count } from "../data/format";
import { Name } from "./Name";
import { Panel } from "./Panel";
import styles from "./Channels.module.css";

/** Where the open connections are: the ten busiest channels. */
export function Channels({ metrics }: { metrics: Metrics | null }) {
  const { top, more, folded } = topChannels(metrics?.connections_by_channel ?? {});
  const most = top[0]?.connections ?? 0;
  const known = metrics !== null && metrics.current_connections !== null;
  return (
    <Panel title="Connections by channel">
      {top.length === 0 && (
        <p className={styles.rest}>{known ? "No open connection is in a channel." : "not available"}</p>
      )}
      <ol className={styles.list}>
        {top.map(({ name, connections }) => (
          <li
            key={name}
            className={styles.channel}
            data-testid="channel"
            data-name={name}
            data-value={connections}
          >
            <Name>{name}</Name>
            <span aria-hidden="true" className={`${styles.track ?? ""} graphic`}>
              <span
                className={styles.fill}
                style={{ width: `${most === 0 ? 0 : (100 * connections) / most}%` }}
              />
            </span>
            <span className={styles.number}>{count(connections)}</span>
          </li>
        ))}
      </ol>
      {more > 0 && (
        <p className={styles.rest} data-testid="channels_more" data-value={more}>
          and {count(more)} more
        </p>
      )}
      {folded > 0 && (
        <p className={styles.rest} data-testid="channels_folded" data-value={folded}>
          {count(folded)} connections in channels beyond the channel limit
        </p>
      )}
    </Panel>
  );
}

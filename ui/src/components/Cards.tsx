import type { Metrics } from "../data/answers";
import { bytes, count, rate } from "../data/format";
import { Card } from "./Card";
import styles from "./Cards.module.css";

const WAITING = "The first answer of the console has not come yet.";
const UNKNOWN = "The console has no data for this number.";
const UNKNOWN_USERS =
  "Not known: no connection told its user, or the services hash users with different keys.";

/** The four numbers that say how the sockets are. */
export function Cards({ metrics }: { metrics: Metrics | null }) {
  const why = metrics === null ? WAITING : UNKNOWN;
  const errors = metrics?.errors ?? null;
  return (
    <div className={styles.cards}>
      <Card
        main={{
          label: "Active connections",
          testid: "current_connections",
          value: metrics?.current_connections,
          format: count,
          why,
        }}
        more={[
          { label: "Peak", testid: "peak_connections", value: metrics?.peak_connections, format: count, why },
          {
            label: "Unique users",
            testid: "unique_users",
            value: metrics?.unique_users,
            format: count,
            why: metrics === null ? WAITING : UNKNOWN_USERS,
          },
          { label: "Channels", testid: "channels", value: metrics?.channels, format: count, why },
        ]}
      />
      <Card
        main={{
          label: "Messages sent",
          testid: "messages_sent",
          value: metrics?.messages_sent,
          format: count,
          why,
        }}
        more={[
          { label: "Sent", testid: "bytes_sent", value: metrics?.bytes_sent, format: bytes, why },
          {
            label: "Messages/s, both ways",
            testid: "messages_per_second",
            value: metrics?.messages_per_second,
            format: rate,
            why,
          },
        ]}
      />
      <Card
        main={{
          label: "Messages received",
          testid: "messages_received",
          value: metrics?.messages_received,
          format: count,
          why,
        }}
        more={[
          { label: "Received", testid: "bytes_received", value: metrics?.bytes_received, format: bytes, why },
          {
            label: "Connections accepted",
            testid: "connections_accepted",
            value: metrics?.connections_accepted,
            format: count,
            why,
          },
        ]}
      />
      <Card
        main={{ label: "Errors", testid: "errors", value: errors, format: count, why }}
        more={[
          {
            label: "Links lost",
            testid: "connections_lost",
            value: metrics?.connections_lost,
            format: count,
            why,
          },
          {
            label: "Failed",
            testid: "connections_failed",
            value: metrics?.connections_failed,
            format: count,
            why,
          },
          {
            label: "Denied",
            testid: "connections_denied",
            value: metrics?.connections_denied,
            format: count,
            why,
          },
        ]}
        alarming={errors !== null && errors > 0}
      />
    </div>
  );
}

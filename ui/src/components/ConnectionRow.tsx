import type { Connection } from "../data/answers";
import { count, duration, printable, short, timeOfDay } from "../data/format";
import { Name } from "./Name";
import styles from "./ConnectionRow.module.css";

/** Counts younger than this pass for current. */
const CURRENT_SECONDS = 10;
const NONE = "–";

/** How old the counts were when the answer was made, by the server's clock alone; null: current, or not told. */
function ageOfCounts({ connected_at, duration, counts_at }: Connection): number | null {
  if (counts_at === null || counts_at === undefined) return null;
  const age = (Date.parse(connected_at) - Date.parse(counts_at)) / 1000 + duration;
  return age > CURRENT_SECONDS ? age : null;
}

export function ConnectionRow({ connection }: { connection: Connection }) {
  const since = Date.parse(connection.connected_at) / 1000;
  const countsAge = ageOfCounts(connection);
  const { user_hash: user, remote_addr: address, user_agent: agent } = connection;
  return (
    <tr data-testid="connection" data-value={connection.id}>
      <td className={styles.id} title={printable(connection.id)}>
        {short(connection.id, 12)}
      </td>
      <td className={styles.name}>{connection.route === null ? NONE : <Name>{connection.route}</Name>}</td>
      <td className={styles.name}>
        {connection.channels.length === 0 ? (
          NONE
        ) : (
          <Name>{connection.channels.map(printable).join(", ")}</Name>
        )}
      </td>
      <td className={styles.id} title={user === null ? "no user told" : printable(user)}>
        {user === null ? NONE : short(user)}
      </td>
      <td>
        <time dateTime={connection.connected_at}>{timeOfDay(since)}</time>
      </td>
      <td data-numeric>{duration(connection.duration)}</td>
      <td data-numeric>{count(connection.messages_received)}</td>
      <td data-numeric>{count(connection.messages_sent)}</td>
      <td data-numeric className={styles.counted}>
        {countsAge === null ? "now" : `${duration(countsAge)} ago`}
      </td>
      <td title={agent === null ? undefined : printable(agent)}>
        {address === null ? NONE : printable(address)}
      </td>
    </tr>
  );
}

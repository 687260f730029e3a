import type { Connection } from "../data/answers";
import { count, duration, printable, short, timeOfDay } from "../data/format";
import { Name } from "./Name";
import styles from "./ConnectionRow.module.css";

/** Counts younger than this pass for current. */
const CURRENT_SECONDS = 10;
const NONE = "–";

/** When the counts were taken, by the server's clock alone. */
function counted({ connected_at, duration: seconds, counts_at }: Connection): string {
  if (counts_at === null || counts_at === undefined) return "now";
  const lead = (Date.parse(counts_at) - Date.parse(connected_at)) / 1000;
  if (lead <= 0) return "not yet"; // all that is told of it so far is that it opened
  const age = seconds - lead;
  return age > CURRENT_SECONDS ? `${duration(age)} ago` : "now";
}

export function ConnectionRow({ connection }: { connection: Connection }) {
  const since = Date.parse(connection.connected_at) / 1000;
  const told = counted(connection);
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
      <td data-numeric>{told === "not yet" ? NONE : count(connection.messages_received)}</td>
      <td data-numeric>{told === "not yet" ? NONE : count(connection.messages_sent)}</td>
      <td data-numeric className={styles.counted}>
        {told}
      </td>
      <td title={agent === null ? undefined : printable(agent)}>
        {address === null ? NONE : printable(address)}
      </td>
    </tr>
  );
}

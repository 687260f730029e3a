import { POLL_SECONDS, type DataState } from "../data/feed";
import { duration } from "../data/format";
import styles from "./StaleNote.module.css";

/** Says over the dimmed numbers why they are dimmed. */
export function StaleNote({ state }: { state: DataState }) {
  const numbers =
    state.age === null
      ? "There are no numbers yet."
      : `The numbers below are stale: ${duration(state.age)} old.`;
  const cause =
    state.kind === "unreachable"
      ? `The service is unreachable: ${state.failure ?? "no answer"}. Trying again every ${POLL_SECONDS} s.`
      : "The console answers, but no service has sent new data to it.";
  return (
    <p className={styles.note} data-testid="stale_note">
      <strong>{numbers}</strong> {cause}
    </p>
  );
}

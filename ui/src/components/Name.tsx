import { printable } from "../data/format";
import styles from "./Name.module.css";

/** A name from the outside: kept on one line, in its own writing direction, whole in the tooltip. */
export function Name({ children }: { children: string }) {
  const name = printable(children);
  return (
    <bdi className={styles.name} title={name}>
      {name}
    </bdi>
  );
}

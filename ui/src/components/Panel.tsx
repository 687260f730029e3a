import { useId, type ReactNode } from "react";
import styles from "./Panel.module.css";

interface Props {
  title: string;
  /** Beside the title: what it counts, where it comes from. */
  note?: ReactNode;
  children: ReactNode;
}

export function Panel({ title, note, children }: Props) {
  const id = useId();
  return (
    <section className={styles.panel} aria-labelledby={id}>
      <header className={styles.head}>
        <h2 id={id}>{title}</h2>
        {note !== undefined && <p className={styles.note}>{note}</p>}
      </header>
      {children}
    </section>
  );
}

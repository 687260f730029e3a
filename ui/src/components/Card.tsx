import { useId } from "react";
import { Value } from "./Value";
import styles from "./Card.module.css";

export interface Figure {
  label: string;
  testid: string;
  value: number | null | undefined;
  format: (value: number) => string;
  why: string;
}

interface Props {
  main: Figure;
  more: Figure[];
  alarming?: boolean;
}

/** One number to be read from across the room, and a few that explain it. */
export function Card({ main, more, alarming = false }: Props) {
  const id = useId();
  const characters = main.value == null ? 10 : main.format(main.value).length;
  return (
    <section className={styles.card} data-alarming={alarming} aria-labelledby={id}>
      <h2 id={id} className={styles.label}>
        {main.label}
        {alarming && <span className={styles.flag}>attention</span>}
      </h2>
      <p className={styles.main} style={{ "--characters": characters }}>
        <Value testid={main.testid} value={main.value} format={main.format} why={main.why} />
      </p>
      <dl className={styles.more}>
        {more.map((figure) => (
          <div key={figure.testid}>
            <dt>{figure.label}</dt>
            <dd>
              <Value testid={figure.testid} value={figure.value} format={figure.format} why={figure.why} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

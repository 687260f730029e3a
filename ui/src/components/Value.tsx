import styles from "./Value.module.css";

interface Props {
  /** Read by tests together with `data-value`, which is JSON: a number or null. */
  testid: string;
  value: number | null | undefined;
  format: (value: number) => string;
  /** Why there may be no value. */
  why: string;
}

/** A number, or "not available" and why. What is not known is never shown as 0. */
export function Value({ testid, value, format, why }: Props) {
  if (value === null || value === undefined)
    return (
      <span className={styles.missing} data-testid={testid} data-value="null" title={why}>
        not available
      </span>
    );
  return (
    <span data-testid={testid} data-value={value}>
      {format(value)}
    </span>
  );
}

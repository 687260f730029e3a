import { levelOf, shareOf, type Level } from "../data/levels";
import { Value } from "./Value";
import styles from "./Meter.module.css";

const WORDS: Record<Level, string> = { normal: "normal", high: "high", critical: "critical" };

interface Props {
  label: string;
  testid: string;
  value: number | null | undefined;
  maximum: number;
  /** The value in words, as it stands beside the bar. */
  format: (value: number) => string;
  why: string;
}

/** How full something is: a bar whose colour is also said in words. */
export function Meter({ label, testid, value, maximum, format, why }: Props) {
  const known = value ?? null;
  const level = known === null ? null : levelOf(known, maximum);
  const width = known === null ? 0 : Math.min(1, shareOf(known, maximum)) * 100;
  return (
    <div className={styles.meter} data-level={level}>
      <div className={styles.text}>
        <span>{label}</span>
        <span className={styles.value}>
          {level !== null && level !== "normal" && <span className={styles.level}>{WORDS[level]}</span>}
          <Value testid={testid} value={value} format={format} why={why} />
        </span>
      </div>
      {known !== null && level !== null ? (
        <div
          className={`${styles.track ?? ""} graphic`}
          role="meter"
          aria-label={label}
          aria-valuemin={0}
          aria-valuemax={maximum}
          aria-valuenow={Math.min(known, maximum)}
          aria-valuetext={`${format(known)}, ${WORDS[level]}`}
          data-testid={`${testid}_meter`}
          data-value={level}
        >
          <div className={styles.fill} style={{ width: `${width}%` }} />
        </div>
      ) : (
        <div className={styles.track} />
      )}
    </div>
  );
}

import type { ReactNode } from "react";
import styles from "./TableRegion.module.css";

/** A table that scrolls sideways where it does not fit, by keyboard too. Cells with `data-numeric` align right. */
export function TableRegion({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className={styles.region} role="region" aria-label={label} tabIndex={0}>
      <table className={styles.table}>{children}</table>
    </div>
  );
}

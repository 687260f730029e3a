import { useState } from "react";
import { count } from "../data/format";
import { PAGE_SIZE, useConnections } from "../hooks/useConnections";
import { ConnectionRow } from "./ConnectionRow";
import { Panel } from "./Panel";
import { TableRegion } from "./TableRegion";
import styles from "./ConnectionTable.module.css";

/** The open connections, newest first, a page at a time. */
export function ConnectionTable() {
  const [offset, setOffset] = useState(0);
  const { page, failure } = useConnections(offset);
  const total = page?.total_active ?? null;
  // Connections close: the page that was looked at may be behind the last one by now.
  const last = total === null ? offset : Math.max(0, Math.ceil(total / PAGE_SIZE) - 1) * PAGE_SIZE;
  if (offset > last) setOffset(last);

  const rows = page?.active_connections ?? [];
  const from = page?.offset ?? 0;
  const hasPrevious = offset > 0;
  const hasNext = offset < last;
  return (
    <Panel
      title="Newest open connections"
      note={
        <span data-testid="total_active" data-value={total ?? "null"}>
          {total === null
            ? "not available"
            : rows.length === 0
              ? "none"
              : `${count(from + 1)}–${count(from + rows.length)} of ${count(total)}`}
        </span>
      }
    >
      {failure !== null && (
        <p className={styles.failure} data-testid="connections_failure">
          The list could not be read ({failure}){page === null ? "." : "; shown is the last one that could."}
        </p>
      )}
      {rows.length > 0 && (
        <TableRegion label="Table of the newest open connections">
          <thead>
            <tr>
              <th scope="col">Connection</th>
              <th scope="col">Route</th>
              <th scope="col">Channels</th>
              <th scope="col">User</th>
              <th scope="col">Since</th>
              <th scope="col" data-numeric>
                Open for
              </th>
              <th scope="col" data-numeric>
                Messages in
              </th>
              <th scope="col" data-numeric>
                Messages out
              </th>
              <th scope="col" data-numeric>
                Counted
              </th>
              <th scope="col">Address</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((connection) => (
              <ConnectionRow key={`${connection.instance ?? ""}/${connection.id}`} connection={connection} />
            ))}
          </tbody>
        </TableRegion>
      )}
      {page !== null && rows.length === 0 && <p className={styles.none}>No connection is open.</p>}
      {(hasPrevious || hasNext) && (
        <nav className={styles.pages} aria-label="Pages of connections">
          <button
            type="button"
            data-testid="previous_page"
            aria-disabled={!hasPrevious}
            onClick={() => {
              if (hasPrevious) setOffset(Math.max(0, offset - PAGE_SIZE));
            }}
          >
            Previous
          </button>
          <button
            type="button"
            data-testid="next_page"
            aria-disabled={!hasNext}
            onClick={() => {
              if (hasNext) setOffset(offset + PAGE_SIZE);
            }}
          >
            Next
          </button>
        </nav>
      )}
    </Panel>
  );
}

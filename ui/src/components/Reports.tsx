import { useReports } from "../hooks/useReports";
import { Panel } from "./Panel";
import { ReportRow } from "./ReportRow";
import { TableRegion } from "./TableRegion";
import styles from "./Reports.module.css";

/** The reports of the last days: each as a page, and as a file. */
export function Reports() {
  const { reports, failure } = useReports();
  return (
    <Panel title="Daily reports" note={<a href="reports">all that are kept (JSON)</a>}>
      {failure !== null && (
        <p className={styles.failure} data-testid="reports_failure">
          The list could not be read ({failure})
          {reports === null ? "." : "; shown is the last one that could."}
        </p>
      )}
      {reports?.length === 0 && <p className={styles.none}>No report of a day is kept yet.</p>}
      {reports !== null && reports.length > 0 && (
        <TableRegion label="Table of the reports of the last days">
          <thead>
            <tr>
              <th scope="col">Day</th>
              <th scope="col">Report</th>
            </tr>
          </thead>
          <tbody>
            {reports.map((report) => (
              <ReportRow key={report.date} report={report} />
            ))}
          </tbody>
        </TableRegion>
      )}
    </Panel>
  );
}

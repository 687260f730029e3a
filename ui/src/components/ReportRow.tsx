import type { Report } from "../data/answers";
import { day, printable, timeOfDay } from "../data/format";
import styles from "./ReportRow.module.css";

const FORMS = [
  ["html", "Page"],
  ["md", "Markdown"],
  ["json", "JSON"],
] as const;

function told({ status, made_at, due_at, attempts, detail }: Report): string {
  const at = (moment: string) => timeOfDay(Date.parse(moment) / 1000);
  if (status === "made") return made_at === null ? "made" : `made ${at(made_at)}`;
  const why = detail === "" ? "" : `: ${printable(detail)}`;
  if (status === "given_up") return `given up${why}`;
  return attempts === 0 ? `due ${at(due_at)}` : `will be tried again${why}`;
}

export function ReportRow({ report }: { report: Report }) {
  return (
    <tr data-testid="report" data-value={report.date} data-status={report.status}>
      <th scope="row">
        <time dateTime={report.date}>{day(report.date)}</time>
      </th>
      <td className={styles.report}>
        {FORMS.map(([form, label]) => {
          const path = report.files[form];
          return (
            path !== undefined && (
              // Relative to the page, which may not stand at the root of its host.
              <a key={form} href={path.replace(/^\//, "")} aria-label={`${label}, ${day(report.date)}`}>
                {label}
              </a>
            )
          );
        })}
        <span className={styles.told}>{told(report)}</span>
      </td>
    </tr>
  );
}

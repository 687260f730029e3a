import { useQuery } from "@tanstack/react-query";
import { ask, isReports, type Report } from "../data/answers";

/** The last days that are listed; all of them are at `GET /reports`. */
const DAYS = 7;
const REFRESH_SECONDS = 60;

export interface ReportList {
  reports: Report[] | null;
  /** Why the list is missing or not current; null: it is current. */
  failure: string | null;
}

/** The reports of the last days, the newest first. */
export function useReports(): ReportList {
  const { data, error } = useQuery({
    queryKey: ["reports"],
    queryFn: ({ signal }) => ask(`reports?limit=${DAYS}`, isReports, signal),
    refetchInterval: REFRESH_SECONDS * 1000,
  });
  return { reports: data?.reports ?? null, failure: error?.message ?? null };
}

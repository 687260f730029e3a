import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ask, isHistory } from "../data/answers";
import { HISTORY_MINUTES, merge, pointsOf, type Point } from "../data/history";

const REFRESH_SECONDS = 15;

export interface Timeline {
  points: Point[];
  /** Why the server's history is missing or not current; null: it is there. */
  failure: string | null;
}

/** The server's history, so that a refresh keeps it, extended by what arrived since it was asked for. */
export function useHistory(tail: readonly Point[]): Timeline {
  const { data, error } = useQuery({
    queryKey: ["history"],
    queryFn: async ({ signal }) => {
      const path = `monitoring/websocket/history?minutes=${HISTORY_MINUTES}`;
      const history = await ask(path, isHistory, signal);
      return { step: history.step, points: pointsOf(history) };
    },
    refetchInterval: REFRESH_SECONDS * 1000,
  });
  const points = useMemo(() => merge(data?.points ?? [], tail, data?.step ?? 0), [data, tail]);
  return { points, failure: error?.message ?? null };
}

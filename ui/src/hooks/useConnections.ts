import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { ask, isConnections, type Connections } from "../data/answers";

export const PAGE_SIZE = 20;
const REFRESH_SECONDS = 5;

export interface ConnectionPage {
  page: Connections | null;
  /** Why the page is missing or not current; null: it is current. */
  failure: string | null;
}

/** One page of the open connections, newest first; the page before it stays until it is there. */
export function useConnections(offset: number): ConnectionPage {
  const { data, error } = useQuery({
    queryKey: ["connections", offset],
    queryFn: ({ signal }) =>
      ask(`monitoring/websocket/connections?limit=${PAGE_SIZE}&offset=${offset}`, isConnections, signal),
    placeholderData: keepPreviousData,
    refetchInterval: REFRESH_SECONDS * 1000,
  });
  return { page: data ?? null, failure: error?.message ?? null };
}

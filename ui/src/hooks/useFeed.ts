import { useQuery } from "@tanstack/react-query";
import { useEffect, useReducer } from "react";
import { ask, isMetrics, NoAnswer, SignedOut } from "../data/answers";
import { moment, type Moment } from "../data/clock";
import { advance, channelOf, opened, POLL_SECONDS, type Feed } from "../data/feed";
import { openLive } from "../data/live";

/** The numbers: pushed by the live channel, asked for every 5 s while it does not deliver. */
export function useFeed(now: Moment): Feed {
  const [feed, dispatch] = useReducer(advance, now, opened);

  useEffect(
    () =>
      openLive({
        onPush: (metrics) => {
          dispatch({ kind: "pushed", metrics, at: moment() });
        },
        onDrop: () => {
          dispatch({ kind: "dropped" });
        },
      }),
    [],
  );

  useQuery({
    queryKey: ["metrics"],
    queryFn: async ({ signal }) => {
      try {
        const metrics = await ask("monitoring/websocket/metrics", isMetrics, signal);
        dispatch({ kind: "answered", metrics, at: moment() });
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
        dispatch(
          error instanceof SignedOut ? { kind: "refused" } : { kind: "failed", reason: error.message },
        );
      }
      // The feed keeps the outcome; the query only keeps time.
      return null;
    },
    enabled: channelOf(feed, now) !== "delivering",
    refetchInterval: POLL_SECONDS * 1000,
    gcTime: 0,
  });

  return feed;
}

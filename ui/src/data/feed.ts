import type { Metrics } from "./answers";
import { elapsed, type Moment } from "./clock";
import { extend, pointOf, type Point } from "./history";

/** Seconds between two questions while the live channel is down. */
export const POLL_SECONDS = 5;
/** How long a new live channel may take before it counts as unavailable. */
const OPENING_SECONDS = 3;
/** The live channel pushes once a second: after this many seconds of silence it is down. */
export const SILENCE_SECONDS = 5;
/** Nothing arrived and nothing failed (a throttled or sleeping tab): after this the numbers are stale. */
const OVERDUE_SECONDS = 15;

export interface Snapshot {
  metrics: Metrics;
  receivedAt: Moment;
}

/** Everything that the page knows about where its numbers come from. */
export interface Feed {
  startedAt: Moment;
  snapshot: Snapshot | null;
  /** The last push, null before the first one and after the live channel dropped. */
  pushedAt: Moment | null;
  dropped: boolean;
  /** Why the last question got no answer; null once anything arrives again. */
  failure: string | null;
  /** The console wants its token first. */
  signedOut: boolean;
  /** What arrived since the page was opened, to extend the server's history. */
  tail: Point[];
}

export type FeedEvent =
  | { kind: "pushed" | "answered"; metrics: Metrics; at: Moment }
  | { kind: "failed"; reason: string }
  | { kind: "refused" }
  | { kind: "dropped" };

export type Kind = "connecting" | "live" | "polling" | "stale" | "unreachable";

export interface DataState {
  kind: Kind;
  /** Seconds since the newest data was measured; null: there is none. */
  age: number | null;
  failure: string | null;
}

export function opened(at: Moment): Feed {
  return {
    startedAt: at,
    snapshot: null,
    pushedAt: null,
    dropped: false,
    failure: null,
    signedOut: false,
    tail: [],
  };
}

export function advance(feed: Feed, event: FeedEvent): Feed {
  switch (event.kind) {
    case "dropped":
      return { ...feed, pushedAt: null, dropped: true };
    case "failed":
      return { ...feed, failure: event.reason };
    case "refused":
      return { ...feed, signedOut: true };
    case "pushed":
    case "answered": {
      const arrived: Feed = {
        ...feed,
        snapshot: { metrics: event.metrics, receivedAt: event.at },
        failure: null,
        signedOut: false,
        tail: extend(feed.tail, pointOf(event.metrics)),
      };
      return event.kind === "pushed" ? { ...arrived, pushedAt: event.at, dropped: false } : arrived;
    }
  }
}

export function channelOf(feed: Feed, now: Moment): "opening" | "delivering" | "down" {
  if (feed.pushedAt !== null) return elapsed(feed.pushedAt, now) <= SILENCE_SECONDS ? "delivering" : "down";
  return !feed.dropped && elapsed(feed.startedAt, now) <= OPENING_SECONDS ? "opening" : "down";
}

/** How far the numbers on the page can be trusted at `now`. */
export function describe(feed: Feed, now: Moment): DataState {
  const channel = channelOf(feed, now);
  const { snapshot, failure } = feed;
  const waited = snapshot === null ? 0 : elapsed(snapshot.receivedAt, now);
  const measured = snapshot?.metrics.age ?? null;
  const age = measured === null ? null : measured + waited;
  const state = (kind: Kind): DataState => ({ kind, age, failure });

  if (channel !== "delivering" && failure !== null) return state("unreachable");
  if (snapshot === null) return state("connecting");
  if (snapshot.metrics.stale || age === null || waited > OVERDUE_SECONDS) return state("stale");
  if (channel === "delivering") return state("live");
  return state(channel === "opening" ? "connecting" : "polling");
}

/** Whether numbers in this state must look as if they can't be relied upon. */
export function isDim(kind: Kind): boolean {
  return kind === "stale" || kind === "unreachable";
}

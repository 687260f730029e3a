import type { History, Metrics } from "./answers";

/** Minutes that the chart shows. */
export const HISTORY_MINUTES = 15;
const HISTORY_SECONDS = HISTORY_MINUTES * 60;

export const SERIES = ["connections", "messages", "cpu", "memory"] as const;
export type SeriesName = (typeof SERIES)[number];

/** One instant of the chart: `time` in seconds since the epoch, null where there is no data. */
export type Point = { time: number } & Record<SeriesName, number | null>;

export function isEmpty(point: Point): boolean {
  return SERIES.every((name) => point[name] === null);
}

function emptyAt(time: number): Point {
  return { time, connections: null, messages: null, cpu: null, memory: null };
}

function secondsOf(timestamp: string): number {
  return Date.parse(timestamp) / 1000;
}

/** The server's points, oldest first. */
export function pointsOf(history: History): Point[] {
  return history.points
    .map((point) => ({
      time: secondsOf(point.timestamp),
      connections: point.current_connections,
      messages: point.messages_per_second,
      cpu: point.cpu_usage,
      memory: point.memory_usage,
    }))
    .filter((point) => Number.isFinite(point.time))
    .sort((a, b) => a.time - b.time);
}

/** What an answer adds to the chart; stale numbers add a gap, not a flat line. */
export function pointOf(metrics: Metrics): Point {
  const time = secondsOf(metrics.timestamp);
  if (metrics.stale || (metrics.age ?? null) === null) return emptyAt(time);
  return {
    time,
    connections: metrics.current_connections,
    messages: metrics.messages_per_second ?? null,
    cpu: metrics.system_metrics?.cpu_usage ?? null,
    memory: metrics.system_metrics?.memory_usage ?? null,
  };
}

/** `tail` and then `point`; what is as late as `point` (the server's clock was set back) or too old drops out. */
export function extend(tail: readonly Point[], point: Point): Point[] {
  const kept = tail.filter((old) => old.time < point.time && old.time > point.time - HISTORY_SECONDS);
  kept.push(point);
  return kept;
}

/** A null point inside every distance longer than `longest` seconds, so that no line crosses it. */
export function withGaps(points: readonly Point[], longest: number): Point[] {
  return points.flatMap((point, index) => {
    const before = points[index - 1];
    const gap = before !== undefined && point.time - before.time > longest;
    return gap ? [emptyAt((before.time + point.time) / 2), point] : [point];
  });
}

/**
 * The server's history from its first to its last data, then what this page received since; `step` is the server's,
 * in seconds.
 */
export function merge(server: readonly Point[], tail: readonly Point[], step: number): Point[] {
  const last = server.findLast((point) => !isEmpty(point))?.time ?? -Infinity;
  const first = server.find((point) => !isEmpty(point))?.time ?? Infinity;
  const known = server.filter((point) => first <= point.time && point.time <= last);
  const newer = tail.filter((point) => point.time > last);
  // Five seconds lie between two answers while the page polls.
  return withGaps([...known, ...newer], 2.5 * Math.max(step, 5));
}

/** The last point with data of each minute, oldest first: the chart as a table. */
export function perMinute(points: readonly Point[]): Point[] {
  const minutes = new Map<number, Point>();
  for (const point of points) if (!isEmpty(point)) minutes.set(Math.floor(point.time / 60), point);
  return [...minutes.values()];
}

/** Start and end of the time axis: it grows with the history, from one minute to all that is shown. */
export function windowOf(first: number, last: number): [number, number] {
  return [last - Math.min(Math.max(last - first, 60), HISTORY_SECONDS), last];
}

export interface Extent {
  first: number;
  last: number;
  low: number;
  high: number;
}

/** First, last, lowest and highest value of a series; null: it has none. */
export function extentOf(points: readonly Point[], name: SeriesName): Extent | null {
  const values = points.map((point) => point[name]).filter((value) => value !== null);
  const first = values[0];
  const last = values.at(-1);
  if (first === undefined || last === undefined) return null;
  return { first, last, low: Math.min(...values), high: Math.max(...values) };
}

import { expect, test } from "vitest";
import { metricsWith } from "./fixtures";
import {
  extend,
  extentOf,
  isEmpty,
  merge,
  perMinute,
  pointOf,
  pointsOf,
  windowOf,
  withGaps,
  type Point,
} from "./history";

const full = (time: number, connections = 1): Point => ({
  time,
  connections,
  messages: 2,
  cpu: 3,
  memory: 4,
});
const empty = (time: number): Point => ({ time, connections: null, messages: null, cpu: null, memory: null });
const times = (points: Point[]) => points.map((point) => point.time);

test("the server's points come in order of time and keep their nulls", () => {
  const points = pointsOf({
    step: 5,
    points: [
      {
        timestamp: "2026-11-24T12:00:05Z",
        current_connections: 2,
        messages_per_second: null,
        cpu_usage: 1,
        memory_usage: 2,
      },
      {
        timestamp: "2026-11-24T12:00:00Z",
        current_connections: null,
        messages_per_second: null,
        cpu_usage: null,
        memory_usage: null,
      },
    ],
  });
  expect(points).toEqual([
    empty(1795521600),
    { time: 1795521605, connections: 2, messages: null, cpu: 1, memory: 2 },
  ]);
});

test("an answer becomes a point, without a host's numbers where it has none", () => {
  expect(pointOf(metricsWith({ system_metrics: null }))).toEqual({
    time: 1795521600,
    connections: 12,
    messages: 3.5,
    cpu: null,
    memory: null,
  });
});

test("stale numbers become a gap, not a flat line", () => {
  expect(isEmpty(pointOf(metricsWith({ stale: true })))).toBe(true);
  expect(isEmpty(pointOf(metricsWith({ age: null })))).toBe(true);
});

test("the tail forgets what is older than the chart", () => {
  expect(times(extend([full(0), full(1), full(500)], full(901)))).toEqual([500, 901]);
  expect(times(extend([full(0)], full(900)))).toEqual([900]);
});

test("the tail stays in order when the server's clock is set back", () => {
  expect(times(extend([full(10), full(11), full(12)], full(11)))).toEqual([10, 11]);
});

test("history is the server's as far as it has data, then what was received since", () => {
  const server = [full(0), full(5), full(10), empty(15)];
  expect(times(merge(server, [full(9), full(11), full(12)], 5))).toEqual([0, 5, 10, 11, 12]);
});

test("history is what was received when the server has none", () => {
  expect(times(merge([], [full(1), full(2)], 0))).toEqual([1, 2]);
});

test("history begins with its first data, not with the time before there was a service", () => {
  expect(times(merge([empty(0), empty(5), full(10), empty(15), full(20)], [], 5))).toEqual([10, 15, 20]);
});

test("the time axis grows with the history up to fifteen minutes", () => {
  expect(windowOf(1000, 1000)).toEqual([940, 1000]);
  expect(windowOf(1000, 1200)).toEqual([1000, 1200]);
  expect(windowOf(0, 5000)).toEqual([4100, 5000]);
});

test("the server's own gaps stay gaps", () => {
  expect(merge([full(0), empty(5), full(10)], [], 5)).toEqual([full(0), empty(5), full(10)]);
});

test("no line crosses a time in which nothing was received", () => {
  expect(merge([full(0)], [full(60)], 5)).toEqual([full(0), empty(30), full(60)]);
});

test("points a polling interval apart are one line", () => {
  expect(times(merge([full(0)], [full(5), full(10)], 1))).toEqual([0, 5, 10]);
});

test("a coarse step of the server is no gap", () => {
  expect(withGaps([full(0), full(60)], 150)).toHaveLength(2);
});

test("the table has the last point with data of each minute", () => {
  expect(times(perMinute([full(10), full(59), full(70), empty(80), empty(130)]))).toEqual([59, 70]);
});

test("an extent leaves out what is not known", () => {
  const points = [empty(0), full(1, 5), full(2, 1), full(3, 3), empty(4)];
  expect(extentOf(points, "connections")).toEqual({ first: 5, last: 3, low: 1, high: 5 });
  expect(extentOf([empty(0)], "connections")).toBeNull();
});

import { expect, test } from "vitest";
import type { Moment } from "./clock";
import { advance, channelOf, describe as stateAt, isDim, opened, type FeedEvent } from "./feed";
import { metricsWith } from "./fixtures";

const at = (seconds: number): Moment => ({ wall: 1000 * seconds, steady: 1000 * seconds });
const pushed = (seconds: number, changes = {}): FeedEvent => ({
  kind: "pushed",
  metrics: metricsWith(changes),
  at: at(seconds),
});
const answered = (seconds: number, changes = {}): FeedEvent => ({
  kind: "answered",
  metrics: metricsWith(changes),
  at: at(seconds),
});
const failed: FeedEvent = { kind: "failed", reason: "the console answered 500" };
const dropped: FeedEvent = { kind: "dropped" };
const after = (...events: FeedEvent[]) => events.reduce(advance, opened(at(0)));

test("a page that has heard nothing is connecting and has no age", () => {
  expect(stateAt(opened(at(0)), at(1))).toEqual({ kind: "connecting", age: null, failure: null });
});

test("while the live channel is given its first seconds, an answer is shown without the claim to be polling", () => {
  expect(stateAt(after(answered(1)), at(2)).kind).toBe("connecting");
});

test("pushes make it live, and the age runs on between them", () => {
  expect(stateAt(after(pushed(1)), at(3))).toEqual({ kind: "live", age: 2.5, failure: null });
});

test("a live channel that does not come within its first seconds makes it polling", () => {
  expect(stateAt(after(answered(1)), at(4)).kind).toBe("polling");
});

test("a dropped live channel makes it polling at once, and a push makes it live again", () => {
  expect(stateAt(after(pushed(1), dropped), at(2)).kind).toBe("polling");
  expect(stateAt(after(pushed(1), dropped, answered(3), pushed(4)), at(4)).kind).toBe("live");
});

test("an open live channel that pushes nothing is down, so that the page asks by itself", () => {
  const feed = after(pushed(1));
  expect(channelOf(feed, at(6))).toBe("delivering");
  expect(channelOf(feed, at(6.1))).toBe("down");
});

test("a question without an answer makes it unreachable with the reason, and the age grows", () => {
  expect(stateAt(after(pushed(1), dropped, failed), at(11))).toEqual({
    kind: "unreachable",
    age: 10.5,
    failure: "the console answered 500",
  });
});

test("a failed question does not matter while the live channel delivers", () => {
  expect(stateAt(after(failed, pushed(1)), at(2)).kind).toBe("live");
  expect(stateAt(after(pushed(1), failed), at(2)).kind).toBe("live");
});

test("an answer ends unreachable", () => {
  expect(stateAt(after(pushed(1), dropped, failed, answered(8)), at(9)).kind).toBe("polling");
});

test("data that the console calls stale is stale over either way of hearing it", () => {
  expect(stateAt(after(pushed(1, { stale: true, age: 42 })), at(2))).toEqual({
    kind: "stale",
    age: 43,
    failure: null,
  });
  expect(stateAt(after(dropped, answered(1, { stale: true, age: 42 })), at(2)).kind).toBe("stale");
});

test("a console without any data is stale, not live", () => {
  expect(stateAt(after(pushed(1, { age: null })), at(1))).toEqual({
    kind: "stale",
    age: null,
    failure: null,
  });
});

test("old data that the console does not call stale is live: a slow export interval is no fault", () => {
  expect(stateAt(after(pushed(1, { age: 55 })), at(1)).kind).toBe("live");
});

test("numbers that nothing has renewed for long are stale though nothing failed", () => {
  expect(stateAt(after(pushed(1), dropped), at(16)).kind).toBe("polling");
  expect(stateAt(after(pushed(1), dropped), at(16.1)).kind).toBe("stale");
});

test("numbers are dimmed where they can't be relied upon, and only there", () => {
  expect(
    ["connecting", "live", "polling", "stale", "unreachable"].filter((kind) => isDim(kind as never)),
  ).toEqual(["stale", "unreachable"]);
});

test("everything that arrives extends the chart", () => {
  const feed = after(
    pushed(1, { timestamp: "2026-11-24T12:00:01Z" }),
    answered(2, { timestamp: "2026-11-24T12:00:02Z" }),
  );
  expect(feed.tail.map((point) => point.time)).toEqual([1795521601, 1795521602]);
});

test("a console that wants its token signs the page out, until it answers", () => {
  expect(after().signedOut).toBe(false);
  expect(after({ kind: "refused" }).signedOut).toBe(true);
  expect(after({ kind: "refused" }, { kind: "dropped" }).signedOut).toBe(true);
  expect(after({ kind: "refused" }, pushed(1)).signedOut).toBe(false);
});

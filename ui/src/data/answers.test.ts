import { afterEach, expect, test, vi } from "vitest";
import {
  ask,
  isConnections,
  isHistory,
  isMetrics,
  metricsOfPush,
  NoAnswer,
  SignedOut,
  signIn,
} from "./answers";
import { metricsWith } from "./fixtures";

afterEach(() => {
  vi.unstubAllGlobals();
});

function answering(response: Response | Error): void {
  vi.stubGlobal("fetch", () =>
    response instanceof Error ? Promise.reject(response) : Promise.resolve(response),
  );
}

const never = new AbortController().signal;
const question = () => ask("metrics", isMetrics, never);

test("a push on the metrics channel carries metrics", () => {
  const data = metricsWith();
  expect(metricsOfPush(JSON.stringify({ channel: "monitoring_metrics", data }))).toEqual(data);
});

test.each([
  ["another channel", JSON.stringify({ channel: "other", data: metricsWith() })],
  ["no data", JSON.stringify({ channel: "monitoring_metrics" })],
  ["data without a time", JSON.stringify({ channel: "monitoring_metrics", data: { errors: 1 } })],
  ["no JSON", "{nope"],
  ["a JSON null", "null"],
  ["a binary message", new ArrayBuffer(2)],
])("a push with %s carries none", (_what, message) => {
  expect(metricsOfPush(message)).toBeNull();
});

test("answers are told from other JSON", () => {
  expect(isMetrics({ ...metricsWith(), timestamp: "yesterday" })).toBe(false);
  expect(isHistory({ step: 5, points: [] })).toBe(true);
  expect(isHistory([])).toBe(false);
  expect(isConnections({ active_connections: [], total_active: 0 })).toBe(true);
  expect(isConnections({ active_connections: {} })).toBe(false);
});

test("a good answer is returned", async () => {
  answering(Response.json(metricsWith()));
  expect(await question()).toEqual(metricsWith());
});

test("a refusal says the status and what the console says about it", async () => {
  answering(Response.json({ detail: "the store is full" }, { status: 503 }));
  await expect(question()).rejects.toThrow(new NoAnswer("the console answered 503: the store is full"));
  answering(new Response("<h1>Bad gateway</h1>", { status: 502 }));
  await expect(question()).rejects.toThrow(new NoAnswer("the console answered 502"));
});

test("a console that wants its token is told from one that fails", async () => {
  answering(Response.json({ detail: "a token is needed" }, { status: 401 }));
  await expect(question()).rejects.toThrow(SignedOut);
  answering(Response.json({ detail: "no" }, { status: 403 }));
  await expect(question()).rejects.not.toBeInstanceOf(SignedOut);
});

test("a sign-in that fails says why, as far as the console does", async () => {
  answering(new Response(null, { status: 204 }));
  expect(await signIn("right")).toBeNull();
  answering(Response.json({ detail: "This is not the token." }, { status: 401 }));
  expect(await signIn("wrong")).toBe("This is not the token.");
  answering(new Response("<h1>Bad gateway</h1>", { status: 502 }));
  expect(await signIn("right")).toBe("The console answered 502.");
  answering(new TypeError("Failed to fetch"));
  expect(await signIn("right")).toBe("The console can't be reached.");
});

test("an answer of another program is not taken for data", async () => {
  answering(new Response("<html>"));
  await expect(question()).rejects.toThrow(NoAnswer);
  answering(Response.json({ hello: "world" }));
  await expect(question()).rejects.toThrow("metrics answered something that this page can't read");
});

test("a console that is gone is told from one that is silent", async () => {
  answering(new TypeError("Failed to fetch"));
  await expect(question()).rejects.toThrow(new NoAnswer("the console can't be reached"));
  vi.spyOn(AbortSignal, "timeout").mockReturnValue(AbortSignal.abort());
  answering(new DOMException("", "TimeoutError"));
  await expect(question()).rejects.toThrow(new NoAnswer("no answer within 4 s"));
});

test("a question that the page took back is no failure of the console", async () => {
  const aborted = AbortSignal.abort();
  answering(new DOMException("", "AbortError"));
  await expect(ask("metrics", isMetrics, aborted)).rejects.not.toBeInstanceOf(NoAnswer);
});

import type { components } from "../api";

export type Metrics = components["schemas"]["Metrics"];
export type SystemMetrics = components["schemas"]["SystemMetrics"];
export type History = components["schemas"]["History"];
export type Connections = components["schemas"]["Connections"];
export type Connection = components["schemas"]["Connection"];
export type Reports = components["schemas"]["Reports"];
export type Report = components["schemas"]["KeptReport"];
export type Session = components["schemas"]["Session"];

/** Why there is no answer, in words for the page. */
export class NoAnswer extends Error {
  override name = "NoAnswer";
}

/** The console answers only who shows its token or has signed in. */
export class SignedOut extends NoAnswer {
  override name = "SignedOut";
}

const TIMEOUT_SECONDS = 4;
const LIVE_CHANNEL = "monitoring_metrics";

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isMetrics(value: unknown): value is Metrics {
  return (
    isObject(value) &&
    typeof value.timestamp === "string" &&
    !Number.isNaN(Date.parse(value.timestamp)) &&
    isObject(value.connections_by_channel)
  );
}

export function isHistory(value: unknown): value is History {
  return isObject(value) && typeof value.step === "number" && Array.isArray(value.points);
}

export function isConnections(value: unknown): value is Connections {
  return isObject(value) && Array.isArray(value.active_connections) && typeof value.total_active === "number";
}

export function isReports(value: unknown): value is Reports {
  return isObject(value) && Array.isArray(value.reports);
}

export function isSession(value: unknown): value is Session {
  return isObject(value) && typeof value.token_needed === "boolean";
}

/** The metrics in a message of the live socket; null where it carries none. */
export function metricsOfPush(text: unknown): Metrics | null {
  if (typeof text !== "string") return null;
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(message) || message.channel !== LIVE_CHANNEL || !isMetrics(message.data)) return null;
  return message.data;
}

function detailOf(body: unknown, before = ""): string {
  return isObject(body) && typeof body.detail === "string" ? before + body.detail.slice(0, 200) : "";
}

/** Exchange the token for a session, whose cookie the browser keeps; returns why that failed, null when it did not. */
export async function signIn(token: string): Promise<string | null> {
  try {
    const response = await fetch("session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
      signal: AbortSignal.timeout(TIMEOUT_SECONDS * 1000),
    });
    if (response.ok) return null;
    const body: unknown = await response.json().catch(() => null);
    return detailOf(body) || `The console answered ${response.status}.`;
  } catch {
    return "The console can't be reached.";
  }
}

/** End the session. */
export async function signOut(): Promise<void> {
  await fetch("session", { method: "DELETE" });
}

/**
 * GET `path` (relative to the page) and return the JSON that `is` accepts.
 *
 * Throws `SignedOut` when it wants its token, `NoAnswer` when it can't be reached, is silent for 4 s, refuses, or
 * answers something else; lets an abort by `signal` through.
 */
export async function ask<T>(
  path: string,
  is: (value: unknown) => value is T,
  signal: AbortSignal,
): Promise<T> {
  const timeout = AbortSignal.timeout(TIMEOUT_SECONDS * 1000);
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(path, { signal: AbortSignal.any([signal, timeout]), cache: "no-store" });
    body = await response.json().catch((error: unknown) => {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    });
  } catch (error) {
    if (signal.aborted) throw error;
    if (timeout.aborted) throw new NoAnswer(`no answer within ${TIMEOUT_SECONDS} s`);
    throw new NoAnswer("the console can't be reached");
  }
  if (!response.ok) {
    const why = `the console answered ${response.status}${detailOf(body, ": ")}`;
    throw response.status === 401 ? new SignedOut(why) : new NoAnswer(why);
  }
  if (!is(body)) throw new NoAnswer(`${path} answered something that this page can't read`);
  return body;
}

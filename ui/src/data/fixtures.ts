import type { Metrics } from "./answers";

/** Metrics of a healthy service for tests; `changes` replace single values. */
export function metricsWith(changes: Partial<Metrics> = {}): Metrics {
  return {
    current_connections: 12,
    connections_by_channel: { lobby: 7, ops: 5 },
    messages_sent: 3400,
    messages_received: 1200,
    errors: 0,
    uptime: 60,
    timestamp: "2026-11-24T12:00:00Z",
    system_metrics: {
      cpu_usage: 21.5,
      memory_usage: 40,
      active_threads: 8,
      timestamp: "2026-11-24T12:00:00Z",
    },
    messages_per_second: 3.5,
    connections_maximum: 1000,
    instances: 1,
    age: 0.5,
    stale: false,
    ...changes,
  };
}

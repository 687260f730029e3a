import type { ReactNode } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import { metricsWith } from "../data/fixtures";
import { Cards } from "./Cards";
import { Channels } from "./Channels";
import { ConnectionRow } from "./ConnectionRow";
import { Header } from "./Header";
import { ReportRow } from "./ReportRow";
import { SystemBars } from "./SystemBars";

const html = (node: ReactNode) => renderToStaticMarkup(node);
const value = (markup: string, testid: string) =>
  new RegExp(`data-testid="${testid}" data-value="([^"]*)"`).exec(markup)?.[1];

test("numbers stand raw beside what is read", () => {
  const cards = html(<Cards metrics={metricsWith({ messages_sent: 1_234_567 })} />);
  expect(value(cards, "messages_sent")).toBe("1234567");
  expect(cards).toContain("1,234,567");
});

test("what is not known is not available and never 0", () => {
  const cards = html(<Cards metrics={metricsWith({ errors: null, unique_users: null })} />);
  expect(value(cards, "errors")).toBe("null");
  expect(value(cards, "unique_users")).toBe("null");
  expect(cards).toContain("not available");
  expect(cards).not.toContain('data-alarming="true"');
});

test("errors are highlighted in words as soon as there is one", () => {
  expect(html(<Cards metrics={metricsWith({ errors: 0 })} />)).not.toContain("attention");
  expect(html(<Cards metrics={metricsWith({ errors: 1 })} />)).toContain("attention");
});

test("a missing host says why, and has no meter that claims 0", () => {
  const bars = html(
    <SystemBars
      metrics={metricsWith({ system_metrics: null, system_metrics_reason: "psutil is not installed" })}
    />,
  );
  expect(value(bars, "cpu_usage")).toBe("null");
  expect(bars).toContain("psutil is not installed");
  expect(bars.match(/role="meter"/g)).toHaveLength(1);
});

test("the bar of connections is measured against the configured maximum and said in words", () => {
  const bars = html(
    <SystemBars metrics={metricsWith({ current_connections: 95, connections_maximum: 100 })} />,
  );
  expect(bars).toContain('aria-valuemax="100" aria-valuenow="95" aria-valuetext="95 of 100 (95%), critical"');
  expect(value(bars, "connections_of_maximum_meter")).toBe("critical");
});

test("hostile names are text", () => {
  const name = '<img src=x onerror="alert(1)">';
  const channels = html(<Channels metrics={metricsWith({ connections_by_channel: { [name]: 3 } })} />);
  expect(channels).not.toContain("<img");
  expect(channels).toContain("&lt;img src=x");
});

test("a connection's counts say how old they are by the server's clock", () => {
  const connection = {
    id: "c1",
    route: null,
    channels: [],
    user_hash: null,
    connected_at: "2026-11-24T12:00:00Z",
    duration: 300,
    remote_addr: null,
    user_agent: null,
    messages_received: 1,
    messages_sent: 2,
    bytes_received: 3,
    bytes_sent: 4,
  };
  expect(html(<ConnectionRow connection={{ ...connection, counts_at: "2026-11-24T12:04:00Z" }} />)).toContain(
    "1m 0s ago",
  );
  expect(html(<ConnectionRow connection={{ ...connection, counts_at: "2026-11-24T12:04:58Z" }} />)).toContain(
    "now",
  );
  expect(
    html(<ConnectionRow connection={{ ...connection, counts_at: connection.connected_at }} />),
  ).toContain("not yet");
});

test.each([
  ["live", 1.26, "live"],
  ["polling", 3, "polling every 5 s (live channel unavailable)"],
  ["stale", 42.9, "stale: no new data for 42 s"],
  ["stale", null, "stale: no data yet"],
  ["unreachable", 9, "service unreachable"],
] as const)("a page that is %s with data %s s old says so", (kind, age, label) => {
  const header = html(<Header state={{ kind, age, failure: null }} metrics={metricsWith()} />);
  expect(value(header, "status")).toBe(kind);
  expect(header).toContain(label);
  expect(value(header, "age")).toBe(age === null ? "null" : age.toFixed(1));
  expect(value(header, "shown")).toBe("2026-11-24T12:00:00Z");
});

const made = {
  date: "2026-11-23",
  status: "made" as const,
  due_at: "2026-11-24T02:00:00Z",
  made_at: "2026-11-24T02:00:03Z",
  attempts: 1,
  detail: "",
  files: { html: "/reports/2026-11-23.html", json: "/reports/2026-11-23.json", md: "/reports/2026-11-23.md" },
};

test("a report is linked to in each of its forms, relative to the page", () => {
  const row = html(<ReportRow report={made} />);
  expect(row).toContain("Mon, 23 Nov 2026");
  expect([...row.matchAll(/href="([^"]*)"/g)].map(([, href]) => href)).toEqual([
    "reports/2026-11-23.html",
    "reports/2026-11-23.md",
    "reports/2026-11-23.json",
  ]);
});

test("a report that could not be made says why, and links to nothing", () => {
  const failed = { ...made, made_at: null, attempts: 2, detail: "<b>no answer</b>", files: {} };
  const again = html(<ReportRow report={{ ...failed, status: "due" }} />);
  expect(again).toContain("will be tried again: &lt;b&gt;no answer&lt;/b&gt;");
  expect(again).not.toContain("href");
  expect(html(<ReportRow report={{ ...failed, status: "given_up" }} />)).toContain("given up: ");
});

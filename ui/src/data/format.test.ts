import { expect, test } from "vitest";
import { bytes, compact, count, duration, percent, printable, rate, share, short, timeOfDay } from "./format";

test("counts are exact and grouped", () => {
  expect(count(0)).toBe("0");
  expect(count(1234567)).toBe("1,234,567");
});

test("rates keep a decimal only where it says something", () => {
  expect(rate(3.456)).toBe("3.5");
  expect(rate(123.4)).toBe("123");
});

test("percentages come from 0..100, shares from 0..1", () => {
  expect(percent(71.04)).toBe("71.0%");
  expect(share(0.125)).toBe("13%");
});

test("an axis writes large numbers short", () => {
  expect(compact(12_300)).toBe("12.3k");
});

test.each([
  [0, "0 byte"],
  [999, "999 byte"],
  [1000, "1 kB"],
  [999_949, "999.9 kB"],
  [999_950, "1 MB"],
  [2_500_000_000, "2.5 GB"],
  [5e15, "5,000 TB"],
])("%d bytes are written %s", (value, text) => {
  expect(bytes(value)).toBe(text);
});

test.each([
  [-1, "0s"],
  [0.9, "0s"],
  [59, "59s"],
  [65, "1m 5s"],
  [7800, "2h 10m"],
  [277_200, "3d 5h"],
])("%d seconds are written %s", (value, text) => {
  expect(duration(value)).toBe(text);
});

test("a time of another day has its date", () => {
  const noon = new Date(2026, 10, 24, 12, 0, 7);
  const seconds = noon.getTime() / 1000;
  expect(timeOfDay(seconds, noon)).toBe("12:00:07");
  expect(timeOfDay(seconds, new Date(2026, 10, 25))).toBe("24 Nov, 12:00:07");
});

test("a name can't hide characters or turn the writing direction", () => {
  expect(printable("a\u202egnp.exe")).toBe("a\\u{202e}gnp.exe");
  expect(printable("two\nlines\u200b")).toBe("two\\u{000a}lines\\u{200b}");
  expect(printable("lone \ud800")).toBe("lone \\u{d800}");
  expect(printable("Größe 日本 <b>")).toBe("Größe 日本 <b>");
  expect(printable("")).toBe("(empty)");
});

test("a long identifier is cut and says so", () => {
  expect(short("0123456789abcdef")).toBe("01234567…");
  expect(short("01234567")).toBe("01234567");
});

import { expect, test } from "vitest";
import { levelOf, shareOf } from "./levels";

test.each([
  [0, 100, "normal"],
  [70, 100, "normal"],
  [70.1, 100, "high"],
  [90, 100, "high"],
  [90.1, 100, "critical"],
  [700, 1000, "normal"],
  [701, 1000, "high"],
  [1500, 1000, "critical"],
])("%d of %d is %s", (value, maximum, level) => {
  expect(levelOf(value, maximum)).toBe(level);
});

test("something that can hold nothing is full as soon as it holds something", () => {
  expect(shareOf(0, 0)).toBe(0);
  expect(levelOf(1, 0)).toBe("critical");
});

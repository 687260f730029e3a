import { expect, test } from "vitest";
import { elapsed } from "./clock";

test("both clocks agree in ordinary times", () => {
  expect(elapsed({ wall: 1000, steady: 10 }, { wall: 3500, steady: 2510 })).toBe(2.5);
});

test("a sleep that the steady clock does not see still makes data old", () => {
  expect(elapsed({ wall: 1000, steady: 10 }, { wall: 61_000, steady: 20 })).toBe(60);
});

test("a wall clock set back does not make old data new", () => {
  expect(elapsed({ wall: 3_600_000, steady: 10 }, { wall: 0, steady: 8010 })).toBe(8);
});

test("what arrived after the last tick of the page is not negatively old", () => {
  expect(elapsed({ wall: 1000, steady: 1000 }, { wall: 900, steady: 900 })).toBe(0);
});

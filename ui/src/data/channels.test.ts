import { expect, test } from "vitest";
import { topChannels } from "./channels";

test("the busiest channels come first, ties by name", () => {
  expect(topChannels({ b: 1, a: 1, busy: 9 }).top.map(({ name }) => name)).toEqual(["busy", "a", "b"]);
});

test("ten are shown and the others counted", () => {
  const channels = Object.fromEntries(Array.from({ length: 13 }, (_, i) => [`room-${i}`, i]));
  const { top, more } = topChannels(channels);
  expect(top).toHaveLength(10);
  expect(top[0]).toEqual({ name: "room-12", connections: 12 });
  expect(more).toBe(3);
});

test("channels folded into one are told apart from a channel", () => {
  expect(topChannels({ _other: 40, lobby: 2 })).toEqual({
    top: [{ name: "lobby", connections: 2 }],
    more: 0,
    folded: 40,
  });
});

test("a channel may have any name", () => {
  const channels = JSON.parse('{"__proto__": 3, "constructor": 2, "": 1}') as Record<string, number>;
  expect(topChannels(channels).top.map(({ name }) => name)).toEqual(["__proto__", "constructor", ""]);
});

test("no connections, no channels", () => {
  expect(topChannels({})).toEqual({ top: [], more: 0, folded: 0 });
});

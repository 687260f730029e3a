/** An instant on two clocks: `wall` jumps when it is set, `steady` may stand still while the machine sleeps. */
export interface Moment {
  wall: number;
  steady: number;
}

export function moment(): Moment {
  return { wall: Date.now(), steady: performance.now() };
}

/**
 * Seconds from `start` to `end`, 0 where `end` is earlier. The longer of the two clocks counts: after a sleep or a
 * clock set back, old data must not look new.
 */
export function elapsed(start: Moment, end: Moment): number {
  return Math.max(0, end.wall - start.wall, end.steady - start.steady) / 1000;
}

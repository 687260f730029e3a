export type Level = "normal" | "high" | "critical";

const HIGH = 0.7;
const CRITICAL = 0.9;

/** How full something is: over 70 % of `maximum` is high, over 90 % critical. */
export function levelOf(value: number, maximum: number): Level {
  const share = shareOf(value, maximum);
  if (share > CRITICAL) return "critical";
  return share > HIGH ? "high" : "normal";
}

/** `value` as a share of `maximum`, 0 or more; it may pass 1. Something that can hold nothing is full. */
export function shareOf(value: number, maximum: number): number {
  if (maximum <= 0) return value > 0 ? 1 : 0;
  return Math.max(0, value / maximum);
}

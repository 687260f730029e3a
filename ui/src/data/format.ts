// The page is English; the clock is the reader's own.
const LOCALE = "en-GB";

const counts = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const compacts = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumFractionDigits: 1 });
const rates = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 1 });
const percents = new Intl.NumberFormat(LOCALE, { style: "percent", maximumFractionDigits: 0 });
const finePercents = new Intl.NumberFormat(LOCALE, {
  style: "percent",
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const clocks = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minutes = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit" });
const dates = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short" });
const calendar = new Intl.DateTimeFormat(LOCALE, {
  weekday: "short",
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC", // a date alone, wherever the reader is
});
const zones = new Intl.DateTimeFormat(LOCALE, { timeZoneName: "short" });

function unit(name: string, maximumFractionDigits: number): Intl.NumberFormat {
  return new Intl.NumberFormat(LOCALE, {
    style: "unit",
    unit: name,
    unitDisplay: "short",
    maximumFractionDigits,
  });
}

const bytesIn = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"].map((name, index) =>
  unit(name, index === 0 ? 0 : 1),
);
const narrow = (name: string) =>
  new Intl.NumberFormat(LOCALE, {
    style: "unit",
    unit: name,
    unitDisplay: "narrow",
    maximumFractionDigits: 0,
  });
const days = narrow("day");
const hours = narrow("hour");
const minutesLong = narrow("minute");
const seconds = narrow("second");

export const count = (value: number): string => counts.format(value);
export const compact = (value: number): string => compacts.format(value);
export const rate = (value: number): string => (value >= 100 ? counts : rates).format(value);
/** `value` of 0..100. */
export const percent = (value: number): string => finePercents.format(value / 100);
/** `share` of 0..1, whole percent. */
export const share = (value: number): string => percents.format(value);

/** Bytes in powers of 1000. */
export function bytes(value: number): string {
  let scaled = value;
  let power = 0;
  // 999.95 would be rounded up to "1,000".
  while (scaled >= 999.95 && power < bytesIn.length - 1) {
    scaled /= 1000;
    power += 1;
  }
  return bytesIn[power]?.format(scaled) ?? counts.format(value);
}

/** Seconds in the two largest units that say something: `42s`, `3m 5s`, `2h 10m`, `5d 3h`. */
export function duration(value: number): string {
  const whole = Math.max(0, Math.floor(value));
  const [d, h, m, s] = [
    Math.floor(whole / 86400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
    whole % 60,
  ];
  if (d > 0) return `${days.format(d)} ${hours.format(h)}`;
  if (h > 0) return `${hours.format(h)} ${minutesLong.format(m)}`;
  if (m > 0) return `${minutesLong.format(m)} ${seconds.format(s)}`;
  return seconds.format(s);
}

/** Local time of day of `time` (seconds since the epoch), with the date where it is not `today`'s. */
export function timeOfDay(time: number, today: Date = new Date()): string {
  const date = new Date(time * 1000);
  const clock = clocks.format(date);
  return date.toDateString() === today.toDateString() ? clock : `${dates.format(date)}, ${clock}`;
}

export const minuteOfDay = (time: number): string => minutes.format(new Date(time * 1000));

/** A date such as `2026-11-23`, with its day of the week. */
export const day = (date: string): string => calendar.format(new Date(`${date}T00:00Z`));

/** The reader's time zone, such as `GMT+1`. */
export function timeZone(at: Date = new Date()): string {
  return zones.formatToParts(at).find(({ type }) => type === "timeZoneName")?.value ?? "";
}

// Control and format characters: line breaks, overrides of the writing direction, zero-width marks.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** A name from the outside with everything invisible spelled out, so that no name can pass for another. */
export function printable(name: string): string {
  if (name === "") return "(empty)";
  return name.replace(
    UNPRINTABLE,
    (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}}`,
  );
}

/** The start of a long identifier. */
export function short(id: string, length = 8): string {
  const text = printable(id);
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

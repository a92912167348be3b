// Time as text. Nothing here reads a clock: the caller gives each moment in Unix milliseconds, and the
// time zone is the browser's unless one is named.

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const two = (n) => String(n).padStart(2, "0");
const whole = (ms, unit) => Math.floor(ms / unit);

// A duration in a table: "0.4 s", "42 s", "2:39", "1:04:10", "3 d 04 h"; rounded as in the night log.
export function span(ms) {
  if (!Number.isFinite(ms)) return "–";
  if (ms < 9950) return `${(Math.max(0, ms) / SECOND).toFixed(1)} s`;
  const length = Math.round(ms / SECOND) * SECOND;
  if (length < MINUTE) return `${whole(length, SECOND)} s`;
  if (length < HOUR) return `${whole(length, MINUTE)}:${two(whole(length, SECOND) % 60)}`;
  if (length < DAY) return hours(length);
  return `${whole(length, DAY)} d ${two(whole(length, HOUR) % 24)} h`;
}

// A duration that still runs: in whole seconds, since tenths would only flicker.
export function elapsed(ms) {
  if (!Number.isFinite(ms)) return "–";
  return ms < 10 * SECOND ? `${whole(Math.max(0, ms), SECOND)} s` : span(whole(ms, SECOND) * SECOND);
}

function hours(ms) {
  return `${whole(ms, HOUR)}:${two(whole(ms, MINUTE) % 60)}:${two(whole(ms, SECOND) % 60)}`;
}

// A duration inside a headline: "45s", "2m10s", "1h04m", "3d04h".
export function compact(ms) {
  if (!Number.isFinite(ms)) return "";
  const length = Math.max(0, ms);
  if (length < MINUTE) return `${whole(length, SECOND)}s`;
  if (length < HOUR) return `${whole(length, MINUTE)}m${two(whole(length, SECOND) % 60)}s`;
  if (length < DAY) return `${whole(length, HOUR)}h${two(whole(length, MINUTE) % 60)}m`;
  return `${whole(length, DAY)}d${two(whole(length, HOUR) % 24)}h`;
}

// How long ago, for reading: "just now", "3 s ago", "2 min ago", "1 h 05 min ago", "3 days ago".
export function ago(ms) {
  if (!Number.isFinite(ms)) return "never";
  if (ms < SECOND) return "just now";
  if (ms < MINUTE) return `${whole(ms, SECOND)} s ago`;
  if (ms < HOUR) return `${whole(ms, MINUTE)} min ago`;
  if (ms < DAY) return `${whole(ms, HOUR)} h ${two(whole(ms, MINUTE) % 60)} min ago`;
  const days = whole(ms, DAY);
  return days === 1 ? "1 day ago" : `${days} days ago`;
}

// What is left of an estimate, counted in whole seconds so that it never shows "0.4 s left".
export function countdown(leftMs) {
  const seconds = Math.ceil(Math.abs(leftMs) / SECOND);
  const text = seconds < 60 ? `0:${two(seconds)}` : span(seconds * SECOND);
  return leftMs >= 0 ? `${text} left` : `${text} over`;
}

const FORMS = new Map();

function form(name, zone, options, locale = "en-GB") {
  const key = `${name}/${zone || ""}`;
  if (!FORMS.has(key)) FORMS.set(key, new Intl.DateTimeFormat(locale, { timeZone: zone || undefined, ...options }));
  return FORMS.get(key);
}

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const WALL = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric", hourCycle: "h23" };
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
// As the server names them: of September, browsers make "Sept" or "Sep".
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const valid = (ms) => Number.isFinite(ms) && Math.abs(ms) <= 8.64e15;

export function utcClock(ms) {
  return valid(ms) ? new Date(ms).toISOString().slice(-13, -5) : "–";
}

export function utcDate(ms) {
  return valid(ms) ? new Date(ms).toISOString().slice(0, -14) : "–";
}

// What the clocks of a zone show at that moment, as if it were UTC: in Unix milliseconds.
export function wallClock(ms, zone) {
  const parts = form("wall", zone, WALL).formatToParts(ms);
  const { year, month, day, hour, minute, second } = Object.fromEntries(parts.map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(year, month - 1, day, hour, minute, second) + (((ms % SECOND) + SECOND) % SECOND);
}

// Do the clocks there show UTC?
export function showsUtc(ms, zone) {
  return valid(ms) && wallClock(Math.floor(ms), zone) === Math.floor(ms);
}

// Whether this browser knows a zone of that name.
export function isZone(zone) {
  try {
    return Boolean(zone && form("clock", zone, CLOCK));
  } catch {
    return false;
  }
}

// The clock, with the date before it when that is another day.
export function datedClock(ms, nowMs) {
  return utcDate(ms) === utcDate(nowMs) ? utcClock(ms) : `${utcDate(ms)} ${utcClock(ms)}`;
}

// The clock, or "11-23 03:12" where that is a day or more away.
export function dayOrClock(ms, nowMs, clock = utcClock(ms)) {
  return Math.abs(nowMs - ms) < DAY ? clock : `${utcDate(ms).slice(-5)} ${utcClock(ms).slice(0, 5)}`;
}

export function localClock(ms, zone) {
  return valid(ms) ? form("clock", zone, CLOCK).format(ms) : "–";
}

// "24 Nov", of a Date in UTC.
export function dayAndMonth(date) {
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
}

// "Tue 24 Nov 2026".
export function localDate(ms, zone) {
  if (!valid(ms)) return "–";
  const date = new Date(wallClock(ms, zone));
  return `${DAYS[date.getUTCDay()]} ${dayAndMonth(date)} ${date.getUTCFullYear()}`;
}

// "PST", "GMT+1": the short name of the zone at that moment.
export function zoneName(ms, zone) {
  if (!valid(ms)) return "";
  const parts = form("zone", zone, { timeZoneName: "short" }, "en-US").formatToParts(ms);
  return parts.find((piece) => piece.type === "timeZoneName")?.value || "";
}

// The whole truth about a moment, for a tip: "2026-11-24 11:12:41 UTC · Tue 24 Nov 2026 03:12:41 PST". Where the
// clocks show UTC it is said once.
export function bothTimes(ms, zone) {
  if (!valid(ms)) return "";
  const utc = `${utcDate(ms)} ${utcClock(ms)} UTC`;
  const local = `${localDate(ms, zone)} ${localClock(ms, zone)} ${zoneName(ms, zone)}`;
  return showsUtc(ms, zone) ? utc : `${utc} · ${local}`;
}

// Reservations as words and as a form. Pure functions; times are typed in UTC.

import { compact, DAY, dayOrClock, HOUR, utcClock, utcDate } from "./time.js";

const MOMENT = /^\d{4}-\d\d-\d\d[ t]\d\d:\d\d$/;
const SHORT = /^(\d\d):(\d\d)$/;

const hm = (ms) => utcClock(ms).slice(0, 5);

export function holderName(reservation) {
  return reservation.creator || reservation.creator_id;
}

// "2026-11-24 22:00–02:00 UTC"; of a day or more with the day of its end: "2026-11-24 22:00 – 2026-11-27 22:00 UTC".
export function lengthWords({ start_ms: startMs, end_ms: endMs }) {
  const end = endMs - startMs < DAY ? `–${hm(endMs)}` : ` – ${utcDate(endMs)} ${hm(endMs)}`;
  return `${utcDate(startMs)} ${hm(startMs)}${end} UTC`;
}

// "Reserved: Ann K. until 12:00 UTC (0h47m)" and "next: Tim B. 12:30". Where reservations are not used: [], or the
// number of those that do not count.
export function reservationWords(around, { now, next, uncounted = 0 }, nowMs) {
  if (around.mode === "none") return uncounted ? [`Reservations do not count now (${uncounted} entered)`] : [];
  const held = now.map((one) => `Reserved: ${holderName(one)} until ${dayOrClock(one.end_ms, nowMs, hm(one.end_ms))} UTC (${compact(one.end_ms - nowMs)})`);
  const words = held.length ? held : ["Reserved by nobody"];
  const day = next && utcDate(next.start_ms) !== utcDate(nowMs) ? `${utcDate(next.start_ms).slice(5)} ` : "";
  return next ? [...words, `next: ${holderName(next)} ${day}${hm(next.start_ms)} UTC`] : words;
}

// "now", "2026-11-24 06:00", or "06:00" for the next time that the clock shows it; NaN when it is none of these.
export function momentOf(text, nowMs) {
  const plain = text.trim().toLowerCase().replace(/\s+/g, " ");
  if (plain === "now") return nowMs;
  const [full, short] = [MOMENT.exec(plain), SHORT.exec(plain)];
  if (full) return whole(Date.parse(`${plain.replace(/[ t]/, "T")}:00Z`), plain.replace("t", " "));
  if (!short || short[1] > 23 || short[2] > 59) return NaN;
  const today = Date.parse(`${utcDate(nowMs)}T${short[1]}:${short[2]}:00Z`);
  return today >= nowMs - HOUR ? today : today + 24 * HOUR;
}

// Not 31 February: what was read must read the same again.
function whole(ms, text) {
  return Number.isFinite(ms) && `${utcDate(ms)} ${hm(ms)}` === text ? ms : NaN;
}

export function readReservation({ user = "", name = "", start = "", hours = "", title = "" }, site, nowMs) {
  const [start_ms, length] = [start.trim() ? momentOf(start, nowMs) : nowMs, Number(hours.replace(",", "."))];
  const problems = [];
  if (!user.trim()) problems.push("whose it is (a user id) is missing");
  if (!Number.isFinite(start_ms)) problems.push("the start is no time such as now, 06:00 or 2026-11-24 06:00");
  if (!(length > 0 && length <= 24 * 31)) problems.push("the length must be hours, such as 1.5");
  const body = { site, creator_id: user.trim(), creator: name.trim(), title: title.trim() };
  return { body: { ...body, start_ms: Math.round(start_ms), end_ms: Math.round(start_ms + length * HOUR) }, problems };
}

const wordsOf = (text) => text.split(/[\s,]+/).filter(Boolean);

const daysProblem = (days) => (Number(days) > 0 && Number(days) <= 3650 ? [] : ["the days must be a number up to 3650"]);

// The body for a new token; `roles`, `sites` and `others` are lists of words.
export function readToken({ user = "", name = "", roles = "", sites = "", others = "", days = "" }) {
  const problems = user.trim() ? [] : ["whose it is (a user id) is missing"];
  const whose = { user_id: user.trim(), user_name: name.trim(), roles: wordsOf(roles) };
  const where = [...new Set([...wordsOf(sites), ...wordsOf(others)])];
  return { body: { ...whose, sites: where, days: Number(days) }, problems: [...problems, ...daysProblem(days)] };
}

// The body for the token of a wall display: it only looks.
export function readWall({ name = "", sites = "", days = "" }) {
  const named = name.trim() ? `wall display, ${name.trim()}` : "wall display";
  const body = { user_id: "wall", user_name: named, roles: ["viewer"], sites: wordsOf(sites), days: Number(days) };
  return { body, problems: daysProblem(days) };
}

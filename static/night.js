// Nights: a night runs from noon to noon at the site and is named by the date of its evening, "2026-11-23". Pure
// functions; the zone is the browser's unless one is named.

import { DAY, dayAndMonth, wallClock } from "./time.js";

const NAME = /^\d{4}-\d{2}-\d{2}$/;

const nameOf = (date) => date.toISOString().slice(0, -14);

// The date with its noon in UTC, for reckoning with dates only; null when the name is no date.
function dateOf(name, daysLater = 0) {
  const ms = NAME.test(name || "") ? Date.parse(`${name}T12:00:00Z`) : NaN;
  if (!Number.isFinite(ms) || nameOf(new Date(ms)) !== name) return null;
  return new Date(ms + daysLater * DAY);
}

export function isNight(name) {
  return dateOf(name) !== null;
}

// The night that a moment belongs to; the morning belongs to the evening before.
export function nightOf(ms, zone) {
  return nameOf(new Date(wallClock(ms, zone) - DAY / 2));
}

// Two noons: 23 or 25 hours apart when the clocks change in between.
export function nightRange(name, zone) {
  return { since_ms: noon(dateOf(name), zone), until_ms: noon(dateOf(name, 1), zone) };
}

// The clock's difference to UTC at about that moment, then at the moment itself.
function noon(date, zone) {
  const asUtc = date.getTime();
  const about = asUtc - (wallClock(asUtc, zone) - asUtc);
  return asUtc - (wallClock(about, zone) - about);
}

export function stepNight(name, days) {
  return nameOf(dateOf(name, days));
}

// "23/24 Nov 2026", "30 Nov/1 Dec 2026", "31 Dec 2026/1 Jan 2027".
export function nightTitle(name) {
  const [from, to] = [dateOf(name), dateOf(name, 1)];
  const year = (date) => date.getUTCFullYear();
  const end = `${dayAndMonth(to)} ${year(to)}`;
  if (year(from) !== year(to)) return `${dayAndMonth(from)} ${year(from)}/${end}`;
  return from.getUTCMonth() === to.getUTCMonth() ? `${from.getUTCDate()}/${end}` : `${dayAndMonth(from)}/${end}`;
}

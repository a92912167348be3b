// Locks of sites: who is in which dome, until when, and why. A site is locked out until every lock that holds it has
// ended. Pure functions.

import { compact, HOUR, utcClock, utcDate } from "./time.js";

export const LOCKED_OUT = "LOCKED OUT";

// Those that hold the site: its own, and those of a station or an observatory tied to it, as the server has them.
export function locksHolding(locks, site) {
  return locks.filter((lock) => lock.holds.includes(site));
}

// "Ann K. until 21:00 UTC (1h47m): mirror cleaning"; on the panel of a tied site with the lock's own site in front.
export function lockWords(lock, nowMs, site = lock.site) {
  const whose = lock.site === site ? lock.user_name : `${lock.site}: ${lock.user_name}`;
  return `${whose} ${untilWords(lock, nowMs)}: ${lock.reason}`;
}

function untilWords({ until_ms: untilMs }, nowMs) {
  if (untilMs == null) return "until unlocked";
  const day = utcDate(untilMs) === utcDate(nowMs) ? "" : `${utcDate(untilMs)} `;
  const left = untilMs > nowMs ? compact(untilMs - nowMs) : "ends now";
  return `until ${day}${utcClock(untilMs).slice(0, 5)} UTC (${left})`;
}

const NAMED = 5;

// One line for the screens without a panel of the site: "LOCKED OUT · saf: Ann K. until unlocked: wiring".
export function lockLine(locks, nowMs) {
  const words = locks.map((lock) => `${lock.site}: ${lockWords(lock, nowMs)}`);
  if (words.length > NAMED) words.splice(NAMED, Infinity, `and ${words.length - NAMED} more`);
  return words.length ? [LOCKED_OUT, ...words].join(" · ") : "";
}

export function readLock({ name = "", reason = "", hours = "", stop = "" }, { site, user }, nowMs) {
  const length = hours.trim() ? Number(hours.replace(",", ".")) : null;
  const problems = [];
  if (!reason.trim()) problems.push("the reason is missing");
  if (!name.trim() && !user) problems.push("the name of the person in the dome is missing");
  if (length !== null && !(length > 0 && length <= 24 * 31)) problems.push("the length must be hours, such as 1.5, or empty");
  const until_ms = length === null ? null : Math.round(nowMs + length * HOUR);
  return { body: { site, reason: reason.trim(), name: name.trim(), until_ms, stop: stop.includes("stop") }, problems };
}

// The most jobs in the answer to a lock.
const MOST = 50;

// What the server answered to a lock: the jobs that no lock holds back any more, then its notes.
export function madeWords({ under_way: jobs, stops, notes }) {
  const count = jobs.length === 1 ? "1 job is" : `${jobs.length}${jobs.length >= MOST ? " or more" : ""} jobs are`;
  const named = jobs.slice(0, 5).map((job) => `${job.site} ${job.label}`).join(", ") + (jobs.length > 5 ? " …" : "");
  const todo = stops.length ? "Wait until the stop is picked up before you go in." : "Hold STOP before you go in.";
  const words = jobs.length ? [`${count} at the telescope already, and may still move something: ${named}. ${todo}`] : [];
  return [...words, ...notes];
}

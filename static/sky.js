// The sky over a site as the server computed it, carried on to the present second. Pure functions.

import { HOUR, isZone, utcClock } from "./time.js";

// Sidereal time runs faster than the clock by this.
const SIDEREAL = 1.00273790935;
const TURNS = ["sunset", "dusk", "dawn", "sunrise"];

// The time zone of a site; undefined, which means the browser's, when none is known.
export function zoneOf(around, site) {
  const zone = around.sky.get(site)?.zone;
  return isZone(zone) ? zone : undefined;
}

// "05:31": local sidereal time; "" when the server has no coordinates of the site.
export function siderealWords(sky, nowMs) {
  if (!Number.isFinite(sky?.lst_h)) return "";
  const hours = sky.lst_h + ((nowMs - sky.time_ms) / HOUR) * SIDEREAL;
  const minutes = Math.floor((((hours % 24) + 24) % 24) * 60);
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
}

// What comes next: {name: "dawn", ms}; null when nothing is known to come.
export function nextTurn(sky, nowMs) {
  const turns = TURNS.map((name) => ({ name, ms: sky?.[`${name}_ms`] }));
  const coming = turns.filter(({ ms }) => Number.isFinite(ms) && ms > nowMs);
  return coming.sort((a, b) => a.ms - b.ms)[0] || null;
}

export function turnWords(turn) {
  return turn ? utcClock(turn.ms).slice(0, 5) : "";
}

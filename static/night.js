// Nights: a night runs from local noon to local noon and is named by the date of its evening,
// "2026-11-23". Pure functions; the zone is the browser's.

const NAME = /^(\d{4})-(\d{2})-(\d{2})$/;
const two = (n) => String(n).padStart(2, "0");

const nameOf = (date) => `${String(date.getFullYear()).padStart(4, "0")}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;

// The noon at which the night begins, or null when the name is no date.
function noon(name, daysLater = 0) {
  const match = NAME.exec(name || "");
  if (!match) return null;
  const [year, month, day] = match.slice(1).map(Number);
  const start = new Date(year, month - 1, day, 12);
  if (start.getMonth() !== month - 1 || start.getDate() !== day) return null;
  return new Date(year, month - 1, day + daysLater, 12);
}

export function isNight(name) {
  return noon(name) !== null;
}

// The night that a moment belongs to; the morning belongs to the evening before.
export function nightOf(ms) {
  const date = new Date(ms);
  if (date.getHours() < 12) date.setDate(date.getDate() - 1);
  return nameOf(date);
}

// Two local noons: 23 or 25 hours apart when the clocks change in between.
export function nightRange(name) {
  return { since_ms: noon(name).getTime(), until_ms: noon(name, 1).getTime() };
}

export function stepNight(name, days) {
  return nameOf(noon(name, days));
}

// "23/24 Nov 2026", "30 Nov/1 Dec 2026", "31 Dec 2026/1 Jan 2027".
export function nightTitle(name) {
  const [from, to] = [noon(name), noon(name, 1)];
  const month = (date) => date.toLocaleDateString("en-GB", { month: "short" });
  const end = `${to.getDate()} ${month(to)} ${to.getFullYear()}`;
  if (from.getFullYear() !== to.getFullYear()) return `${from.getDate()} ${month(from)} ${from.getFullYear()}/${end}`;
  if (from.getMonth() !== to.getMonth()) return `${from.getDate()} ${month(from)}/${end}`;
  return `${from.getDate()}/${end}`;
}

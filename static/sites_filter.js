// The table of many sites without DOM: what stands in the address (#/now?state=silent&group=north&alarms=1&q=mrc),
// which rows it leaves, their order, and the groups with their numbers. Pure functions.

import { compact } from "./time.js";

// In the order of the server's ranks, the worst first.
export const STATES = ["locked", "silent", "stopping", "busy", "idle"];
const STATE_NAMES = { locked: "LOCKED OUT", silent: "SILENT", stopping: "STOPPING", busy: "BUSY", idle: "IDLE" };
export const ALARMS = "alarms";
const VIEWS = ["table", "panels"];

export const stateName = (state) => STATE_NAMES[state] || "with alarms";

// {site, view, states, group, alarms, text, problems}; `site`: the address is that of a site's own Now.
export function parseSites(query) {
  const params = new URLSearchParams(query || "");
  const words = (params.get("state") || "").toLowerCase().split(",").filter(Boolean);
  const view = params.get("view") || "";
  const wrong = words.filter((word) => !STATES.includes(word));
  const problems = wrong.map((word) => `“${word}” is no state; use ${STATES.join(", ")}`);
  if (view && !VIEWS.includes(view)) problems.push(`“${view}” is no view; use ${VIEWS.join(" or ")}`);
  return {
    site: params.get("site") || "", view: VIEWS.includes(view) ? view : "",
    states: STATES.filter((state) => words.includes(state)), group: params.get("group") || "",
    alarms: params.get("alarms") === "1", text: params.get("q") || "", problems,
  };
}

// The address of the table with this filter, or of a site's own Now.
export function sitesRoute({ site = "", view = "", states = [], group = "", alarms = false, text = "" }) {
  const params = new URLSearchParams();
  const named = { site, view, state: states.join(","), group, alarms: alarms ? "1" : "", q: text };
  for (const [name, value] of Object.entries(named)) if (value) params.set(name, value);
  const query = params.toString();
  return query ? `#/now?${query}` : "#/now";
}

export const ownNowRoute = (site) => sitesRoute({ site });

// Alarms by site, in the server's order: the worst first.
export function alarmsBySite(alarms) {
  const found = new Map();
  for (const alarm of alarms) {
    if (!found.has(alarm.site)) found.set(alarm.site, []);
    found.get(alarm.site).push(alarm);
  }
  return found;
}

// Without `states` any state will do: for the numbers of the states that could be chosen instead.
export function fits(row, filter, alarms = [], { states = true } = {}) {
  if (states && !fitsState(row, filter)) return false;
  if (filter.group && !row.groups.includes(filter.group)) return false;
  const text = filter.text.trim().toLowerCase();
  if (!text) return true;
  return [row.site, ...row.groups, ...alarms.map((alarm) => alarm.sentence)].some((part) => part.toLowerCase().includes(text));
}

// A silent site under a lock is silent too.
function fitsState(row, { states, alarms }) {
  if (alarms && !row.alarms) return false;
  return !states.length || states.includes(row.state) || states.includes(row.under);
}

export function worstFirst(rows) {
  return [...rows].sort((a, b) => a.rank - b.rank || (a.site < b.site ? -1 : 1));
}

// {alarms: 2, locked: 1, silent: 3, …}: how many rows each chip would show.
export function tally(rows) {
  const counts = Object.fromEntries([ALARMS, ...STATES].map((name) => [name, 0]));
  for (const row of rows) {
    if (row.alarms) counts.alarms += 1;
    counts[row.state] += 1;
    if (row.under) counts[row.under] += 1;
  }
  return counts;
}

// [{name, count, counts, worst}] of all groups that have such rows, the worst first; `worst` is its worst row.
export function groupsOf(rows) {
  const groups = new Map();
  for (const row of rows) {
    for (const name of row.groups) groups.set(name, [...(groups.get(name) || []), row]);
  }
  const found = [...groups].map(([name, own]) => ({ name, count: own.length, counts: tally(own), worst: worstFirst(own)[0] }));
  return found.sort((a, b) => a.worst.rank - b.worst.rank || a.name.localeCompare(b.name));
}

// "2 with alarms · 1 LOCKED OUT · 20 BUSY": what is there, the worst first.
export function tallyLine(counts) {
  return [ALARMS, ...STATES].filter((name) => counts[name]).map((name) => `${counts[name]} ${stateName(name)}`).join(" · ");
}

// The order in which rows are shown while somebody is about to take one: no row moves, new ones come last.
export function heldOrder(shown, wanted, known) {
  const kept = shown.filter((site) => known.has(site));
  return [...kept, ...wanted.filter((site) => !kept.includes(site))];
}

// "silent 2m10s" of the row's own silence; "" for a site that asks.
export function silenceWords(row, nowMs) {
  if (row.state !== "silent" && row.under !== "silent") return "";
  return row.last_poll_ms == null ? "no program has asked for its jobs" : `has not asked for jobs for ${compact(nowMs - row.last_poll_ms)}`;
}

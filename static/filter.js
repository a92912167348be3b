// The filter language of the job list: device:camera user:ann status:failed age:<2h "M31". Parsing, the
// query it becomes, and the part of it that can be decided in the page. Pure functions.

import { rules } from "./rules.js";
import { phaseOf } from "./state.js";
import { DAY, HOUR, MINUTE, SECOND } from "./time.js";

const KEYS = ["device", "action", "user", "site", "status", "age"];
const TOKEN = /([a-z_]+):(?:"([^"]*)"?|(\S*))|"([^"]*)"?|(\S+)/gi;
const UNITS = { s: SECOND, m: MINUTE, min: MINUTE, h: HOUR, d: DAY };

// [{key, value, text}]: key "" is free text.
export function tokens(text) {
  return [...(text || "").matchAll(TOKEN)].map((match) => ({
    key: (match[1] || "").toLowerCase(), value: match[2] ?? match[3] ?? match[4] ?? match[5] ?? "", text: match[0],
  }));
}

export function parseFilter(text) {
  const filter = { device: "", action: "", user: "", site: "", status: "", phases: [], age: null, text: "", problems: [] };
  for (const token of tokens(text)) takeToken(filter, token);
  if (filter.status && filter.phases.length) {
    filter.problems.push("status: takes phases (failed,gone) or one word (EXPOSING), not both");
  }
  return filter;
}

function takeToken(filter, { key, value, text }) {
  if (!key) filter.text = [filter.text, value].filter(Boolean).join(" ");
  else if (!KEYS.includes(key)) filter.problems.push(`“${key}:” is no filter; use ${KEYS.join(", ")} or plain text`);
  else if (!value) filter.problems.push(`“${text}” needs a value`);
  else if (key === "age") takeAge(filter, value);
  else if (key === "status") takeStatus(filter, value);
  else filter[key] = value;
}

function takeAge(filter, value) {
  const match = /^([<>])?(\d+(?:\.\d+)?)(s|m|min|h|d)$/i.exec(value);
  if (match) filter.age = { older: match[1] === ">", ms: Number(match[2]) * UNITS[match[3].toLowerCase()] };
  else filter.problems.push(`“age:${value}” is no age; write age:<2h or age:>10min`);
}

// A word of the page ("failed", "picked up") is a phase, anything else the status word itself.
function takeStatus(filter, value) {
  for (const word of value.split(",").filter(Boolean)) {
    const phase = phaseNamed(word);
    if (phase) filter.phases = [...new Set([...filter.phases, phase])];
    else filter.status = word;
  }
}

function phaseNamed(word) {
  const plain = word.toLowerCase().replace(/[ -]/g, "_");
  return rules.phases.find((phase) => phase === plain || phase.replace("_", "") === plain);
}

// The parameters for /api/jobs. An age is counted from now and takes the place of the night.
export function filterQuery(filter, range, nowMs) {
  const { since_ms, until_ms } = filterRange(filter, range, nowMs);
  const { site, device, action, user, text } = filter;
  const query = { site, device, action, user, text, since_ms, until_ms };
  query.status = filter.status === filter.status.toLowerCase() ? filter.status.toUpperCase() : filter.status;
  query.phase = filter.phases.join(",");
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== "" && value != null));
}

export function filterRange(filter, range, nowMs) {
  if (!filter.age) return range;
  const edge = Math.round(nowMs - filter.age.ms);
  return filter.age.older ? { until_ms: edge } : { since_ms: edge };
}

// What the server matches in its own way (parts of names, text in parameters) is left to the server.
export function isDecidable(filter) {
  return !filter.device && !filter.action && !filter.user && !filter.text && !filter.status;
}

// Does the job belong into the list, as far as the page can tell?
export function fits(job, filter, range, nowMs) {
  const { since_ms = -Infinity, until_ms = Infinity } = filterRange(filter, range, nowMs);
  if (job.created_ms < since_ms || job.created_ms >= until_ms) return false;
  if (filter.site && job.site !== filter.site) return false;
  if (filter.status && !beginsWith(job.status, filter.status)) return false;
  return !filter.phases.length || filter.phases.includes(phaseOf(job));
}

// Is this the word, in any case, or does it begin with it, as in "FAILED: guide star lost"?
function beginsWith(status, word) {
  return status.toUpperCase().startsWith(word.toUpperCase()) && !/\w/.test(status.charAt(word.length));
}

// The filter with one phase switched on or off; everything else in it stays as it was written.
export function togglePhase(text, phase) {
  const { phases } = parseFilter(text);
  const wanted = phases.includes(phase) ? phases.filter((word) => word !== phase) : [...phases, phase];
  const rest = tokens(text).filter((token) => token.key !== "status").map((token) => token.text);
  const ordered = rules.phases.filter((word) => wanted.includes(word));
  return [...rest, ...(ordered.length ? [`status:${ordered.join(",")}`] : [])].join(" ");
}

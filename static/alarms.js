// What somebody must look at now: silent sites, stops that nobody picked up, stuck jobs, and what the server says
// of itself. Each alarm has a key by which it is acknowledged for all pages. Pure functions.

import { openJobs, sitesInOrder } from "./model.js";
import { isPastNow, phaseOf, silentFor, siteReports, stuck } from "./state.js";
import { CONFIRM_WITHIN } from "./stop.js";
import { compact, DAY, span } from "./time.js";
import { jobLabel, stuckWords } from "./words.js";

const KEY_CHARS = 200;
// What the server only remarks is no reason to wake anybody, except for these.
const LOUD_NOTICES = new Set(["clock", "cloud"]);

const TODO = {
  silent: "See whether the observatory program runs and its network is up. Until it asks again, no stop gets through.",
  stop: "Use the hardware stop.",
  stuck: "Look at the device; if the job is over, close it.",
};

// [{key, kind, site, words, todo, ulid, loud, ack}], the worst first; `ack`: {who, time_ms}, or null.
export function listAlarms(model, nowMs) {
  const found = [];
  for (const site of sitesInOrder(model)) found.push(...alarmsOfSite(model, site, nowMs));
  found.push(...ofServer(model.health));
  return found.map((alarm) => withAck(alarm, model.acks)).sort((a, b) => rank(a) - rank(b));
}

const ORDER = ["stop", "silent", "problem", "stuck", "notice"];
const rank = (alarm) => ORDER.indexOf(alarm.kind) + (alarm.ack ? ORDER.length : 0);

function withAck(alarm, acks) {
  const key = alarm.key.slice(0, KEY_CHARS);
  return { todo: TODO[alarm.kind] || "", ulid: "", site: "", loud: true, ...alarm, key, ack: acks[key] || null };
}

function alarmsOfSite(model, site, nowMs) {
  const jobs = openJobs(model, site.site).filter((job) => !isPastNow(job, nowMs));
  const found = jobs.map((job) => ofJob(job, site, nowMs)).filter(Boolean);
  const quiet = silentFor(site, nowMs);
  // A site that never asked, or not for a day, is not in use; its panel says so.
  if (!quiet || quiet > DAY) return found;
  const words = `${site.site} has been silent for ${compact(quiet)}`;
  return [{ key: `silent/${site.site}/${site.last_poll_ms}`, kind: "silent", site: site.site, words }, ...found];
}

function ofJob(job, site, nowMs) {
  const about = { site: job.site, ulid: job.ulid };
  const waited = nowMs - job.created_ms;
  if (job.command_class === "stop" && phaseOf(job) === "waiting" && waited >= CONFIRM_WITHIN) {
    const words = `${job.site}: “${jobLabel(job)}” not picked up for ${span(waited)}`;
    return { ...about, key: `stop/${job.ulid}`, kind: "stop", words };
  }
  if (!stuck(job, nowMs, siteReports(site))) return null;
  const words = `${job.site}: “${jobLabel(job)}” ${stuckWords(job, nowMs, siteReports(site))}`;
  return { ...about, key: `stuck/${job.ulid}`, kind: "stuck", words };
}

function ofServer(health) {
  const problems = (health.problems || []).map(ofProblem);
  const notices = (health.notices || []).map(ofNotice);
  if (!health.ok && !problems.length) {
    problems.push({ key: "problem/unknown", kind: "problem", words: "The server says that it is not well." });
  }
  return [...problems, ...notices];
}

function ofProblem({ code, sentence }) {
  return { key: `problem/${code}`, kind: "problem", words: sentence || code };
}

function ofNotice({ code, sentence }) {
  return { key: `notice/${code}`, kind: "notice", words: sentence || code, loud: LOUD_NOTICES.has(code) };
}

export const unseen = (alarms) => alarms.filter((alarm) => !alarm.ack);

// One line for the screens that do not list the alarms.
export function summaryWords(alarms) {
  const open = unseen(alarms).filter((alarm) => alarm.loud);
  if (!open.length) return "";
  return open.length === 1 ? open[0].words : `${open.length} alarms: ${open[0].words}`;
}

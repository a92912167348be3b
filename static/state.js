// What the numbers mean: is a site silent, does it work, is a job stuck, how far is it, is the page live.
// Pure functions of jobs, sites and a moment. The server's rules come with its answers; the page's own are here.

import { LOCKED_OUT } from "./locks.js";
import { rules } from "./rules.js";
import { compact, SECOND } from "./time.js";

export const NOT_LIVE_AFTER = 10 * SECOND;
export const LATE_AFTER = 6 * SECOND;
export const RETURN_GRACE = 2 * SECOND;
// A page that nobody sees asks seldom, and browsers let its timers run once a minute.
export const HIDDEN_NOT_LIVE_AFTER = 90 * SECOND;
const UNDER_LOCK = ["silent", "stopping"];
export const SKEW_WORTH_SAYING = 2 * SECOND;

// A phase that this page does not know is taken for running: something is going on there.
export function phaseOf(job) {
  return rules.phases.includes(job.phase) ? job.phase : "running";
}

export function isOpen(job) {
  return rules.open_phases.includes(phaseOf(job));
}

// How long the site has been silent: 0 while it asks as it should, Infinity when it never asked.
export function silentFor(site, nowMs) {
  if (site.last_poll_ms == null) return Infinity;
  const quiet = nowMs - site.last_poll_ms;
  return quiet > site.silent_after_ms ? quiet : 0;
}

function isStopping(job, nowMs) {
  if (job.command_class !== "stop") return false;
  const phase = phaseOf(job);
  if (phase === "picked_up") return nowMs - job.changed_ms < rules.stopping_s * SECOND;
  return phase === "waiting" || phase === "running";
}

function isBusy(job, nowMs) {
  if (job.command_class === "stop") return false;
  const phase = phaseOf(job);
  if (phase === "picked_up") return nowMs - job.changed_ms < rules.may_work_s * SECOND;
  return phase === "running";
}

// The one word of a site. What is unknown or unsafe wins over what looks well. `under` is the state that the person in
// the dome must know too: whether a stop arrives.
export function siteState(site, jobs, nowMs, live = true) {
  if (!live) return NOT_LIVE;
  const state = worded(unlockedKind(site, jobs, nowMs), silentFor(site, nowMs));
  return site.locks?.length ? locked(UNDER_LOCK.includes(state.kind) ? state : null) : state;
}

// The same of a row of the table, whose state the server has found.
export function rowState(row, nowMs, live = true) {
  if (!live) return NOT_LIVE;
  const quiet = row.last_poll_ms == null ? Infinity : nowMs - row.last_poll_ms;
  return row.state === "locked" ? locked(row.under ? worded(row.under, quiet) : null) : worded(row.state, quiet);
}

const NOT_LIVE = { kind: "not_live", word: "NOT LIVE" };

const locked = (under) => ({ kind: "locked", word: LOCKED_OUT, under });

function worded(kind, quiet) {
  return { kind, word: kind === "silent" ? `SITE SILENT ${compact(quiet)}`.trim() : kind.toUpperCase() };
}

function unlockedKind(site, jobs, nowMs) {
  if (silentFor(site, nowMs)) return "silent";
  if (jobs.some((job) => isStopping(job, nowMs))) return "stopping";
  return jobs.some((job) => isBusy(job, nowMs)) ? "busy" : "idle";
}

export function hasEstimate(job) {
  return Number.isFinite(job.estimate_s) && job.estimate_s >= 0;
}

// When the work on a running job began: the first report of it.
export function startOf(job) {
  return job.started_ms ?? job.changed_ms;
}

// How far a running job is by its own estimate; null when it gave none.
export function progress(job, nowMs) {
  if (phaseOf(job) !== "running" || !hasEstimate(job)) return null;
  const endMs = job.changed_ms + job.estimate_s * SECOND;
  const length = endMs - Math.min(startOf(job), job.changed_ms);
  const fraction = length > 0 ? (nowMs - endMs + length) / length : 1;
  return { fraction: Math.min(1, Math.max(0, fraction)), leftMs: endMs - nowMs, endMs };
}

// Why somebody should look at this job: "" or "overdue" or "unreported".
// Only a device that reported in the last day can be expected to report again: at some sites the focuser alone does.
export function stuck(job, nowMs, deviceReports) {
  const phase = phaseOf(job);
  if (phase === "running" && hasEstimate(job)) {
    const over = nowMs - job.changed_ms - job.estimate_s * SECOND;
    return over > Math.max(rules.overdue_at_least_s, job.estimate_s * rules.overdue_share) * SECOND ? "overdue" : "";
  }
  if (phase !== "picked_up" || !deviceReports) return "";
  return nowMs - job.changed_ms > rules.unreported_s * SECOND ? "unreported" : "";
}

// A picked-up job without a report is history in the end, and the screen Now only counts it.
export function isPastNow(job, nowMs) {
  return phaseOf(job) === "picked_up" && nowMs - job.changed_ms > rules.unreported_until_s * SECOND;
}

// Without a device: does any device of the site report?
export function siteReports(site, device = null) {
  const reporting = site.reporting || [];
  return device === null ? reporting.length > 0 : reporting.includes(device);
}

// Is the page live? `ageMs`: since the last good answer; `answered`: there was one at all;
// `visibleMs`: since somebody looks at the page again, who deserves a moment before the alarm.
export function connection({ ageMs, answered, visibleMs = Infinity, hidden = false }) {
  if (ageMs >= (hidden ? HIDDEN_NOT_LIVE_AFTER : NOT_LIVE_AFTER)) {
    return visibleMs < RETURN_GRACE ? { kind: "returning", live: false } : { kind: "not_live", live: false };
  }
  if (!answered) return { kind: "starting", live: true };
  return { kind: ageMs >= LATE_AFTER ? "late" : "live", live: true };
}

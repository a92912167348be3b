// What the page knows about now: the sites, their open jobs and the last events, kept up to date by the
// answers of /api/now and /api/changes. No DOM, no requests; the functions change the model given to them.

import { newAround } from "./around.js";
import { locksHolding } from "./locks.js";
import { rules, takeRules } from "./rules.js";
import { isOpen, phaseOf } from "./state.js";
import { SECOND } from "./time.js";

export const EVENTS_KEPT = 60;
// The newest changes, more than come in the moment for which the server keeps its view of a site.
const LATELY_KEPT = 500;

export function newModel() {
  return {
    loaded: false, version: null, build: "", seq: 0, demo: false, user: null,
    health: { ok: true, problems: [] },
    sites: new Map(), open: new Map(), events: [], lately: [], alarms: [], alarmsMark: "", makings: [], locks: [],
    cloud: null, store: null, around: newAround(),
    // The number of acts of this page whose answers the model has taken.
    acts: 0,
    // With many sites `sites` has those that somebody looks at, and `rows` a few words on each.
    many: false, rows: new Map(), mark: "",
  };
}

// Does the page show a table of the sites? `view`: "table" and "panels" force it.
export function isMany(answer, view = "") {
  if (view) return view === "table";
  return (answer.site_count ?? 0) > (answer.rules?.many_sites ?? Infinity);
}

// Takes the rows of the table: all of them, or those that changed.
export function applyRows(model, answer) {
  if (answer.whole) model.rows = new Map();
  for (const row of answer.sites) model.rows.set(row.site, row);
  for (const site of answer.gone) model.rows.delete(site);
  model.mark = answer.mark;
}

export function knowsSite(model, site) {
  return model.sites.has(site) || (model.many && model.rows.has(site));
}

// The names of all sites, sorted.
export function siteNames(model) {
  return model.many ? [...model.rows.keys()].sort() : sitesInOrder(model).map((site) => site.site);
}

// Another data folder, another version, or a log that is shorter than what was seen: another server stands there.
export function isAnotherServer(model, answer) {
  const differs = (name) => model[name] != null && answer[name] != null && model[name] !== answer[name];
  return answer.seq < model.seq || differs("store") || differs("version");
}

// Returns the open jobs with another note than before, such as that of a stop which ended them: a note alone is no change.
export function applyNow(model, answer) {
  Object.assign(model, {
    version: answer.version, build: answer.build || "", store: answer.store ?? null, demo: Boolean(answer.demo),
    user: answer.user || null, alarms: answer.alarms || (answer.alarms_mark ? model.alarms : []), alarmsMark: answer.alarms_mark || "", makings: answer.make_safe || [], locks: answer.locks || [], cloud: answer.cloud || null,
    health: answer.health || { ok: true, problems: [] },
  });
  takeRules(answer.rules);
  model.sites = new Map(answer.sites.map((site) => [site.site, { ...site, locks: locksHolding(model.locks, site.site) }]));
  const noted = answer.sites.flatMap((site) => site.open).filter((job) => isNotedAnew(model.open.get(job.ulid), job));
  for (const site of answer.sites) replaceOpen(model, site);
  // The server keeps its view of a site for a moment: what is known to be newer stays.
  const asOf = new Map(answer.sites.map((site) => [site.site, site.seq ?? answer.seq]));
  for (const change of model.lately) if (change.seq > asOf.get(change.job.site)) putJob(model, change.job);
  for (const job of [...model.open.values()]) {
    if (!model.sites.has(job.site) || job.created_ms < answer.time_ms - rules.listed_s * SECOND) model.open.delete(job.ulid);
  }
  for (const site of model.sites.values()) site.unlisted = countUnlisted(model, site);
  return noted;
}

const isNotedAnew = (known, job) => known && known.status === job.status && known.note !== job.note;

// An act that makes a site safe, as the server has just begun it.
export function takeMaking(model, act) {
  model.acts += 1;
  const others = model.makings.filter((one) => one.id !== act.id);
  model.makings = [act, ...others.map((one) => (one.site === act.site ? { ...one, replaced: true } : one))];
}

// The alarms as the server tells them after an acknowledgement.
export function setAlarms(model, alarms) {
  model.acts += 1;
  model.alarms = alarms;
}

// The picked-up jobs that a full list leaves out and that are not known otherwise: the server has their number.
function countUnlisted(model, site) {
  if (site.open.length < rules.open_limit) return 0;
  const known = countPhases(openJobs(model, site.site)).picked_up || 0;
  return Math.max(0, (site.counts?.picked_up || 0) - known);
}

// The listed jobs are the truth. A full list holds the newest and says nothing of those before its first: what is
// known of them stays.
function replaceOpen(model, site) {
  const listed = new Set(site.open.map((job) => job.ulid));
  const first = site.open.length >= rules.open_limit ? site.open[0].ulid : "";
  for (const job of [...model.open.values()]) {
    if (job.site === site.site && !listed.has(job.ulid) && job.ulid >= first) model.open.delete(job.ulid);
  }
  for (const job of site.open) model.open.set(job.ulid, job);
}

// Takes changes, oldest first. A change that was already seen is passed over.
export function applyChanges(model, answer) {
  const fresh = answer.changes.filter((change) => change.seq > model.seq);
  for (const change of fresh) applyChange(model, change);
  model.seq = answer.more && fresh.length ? fresh.at(-1).seq : Math.max(model.seq, answer.seq);
  return fresh;
}

function putJob(model, job) {
  if (isOpen(job)) model.open.set(job.ulid, job);
  else model.open.delete(job.ulid);
}

function applyChange(model, change) {
  const job = change.job;
  if (!job) return;
  putJob(model, job);
  model.lately.push(change);
  if (model.lately.length > LATELY_KEPT) model.lately.shift();
  if (!model.sites.has(job.site)) {
    // Of many sites, nobody looks at this one.
    if (model.many) return;
    model.sites.set(job.site, unknownSite(job.site));
  }
  if (!isNews(change)) return;
  model.events.unshift(change);
  model.events.length = Math.min(model.events.length, EVENTS_KEPT);
}

// Takes older events of a site that somebody begins to look at.
export function addEvents(model, changes) {
  const known = new Set(model.events.map((event) => event.seq));
  const older = changes.filter((change) => change.job && change.seq <= model.seq && !known.has(change.seq) && isNews(change));
  model.events = [...model.events, ...older].sort((a, b) => b.seq - a.seq).slice(0, EVENTS_KEPT);
}

// A stop withdraws each job from the alternate queue as well, and a finished job expires there: nobody waits for that.
function isNews(change) {
  return change.queue !== "alternate" || phaseOf(change) !== "gone";
}

// A site nobody asked for yet, known by the first job sent to it.
function unknownSite(site) {
  return { site, last_poll_ms: null, usual_gap_ms: null, silent: false, silent_after_ms: rules.silent_after_ms, counts: {}, reporting: [], open: [] };
}

const RANK = { running: 0, picked_up: 1, waiting: 2 };

// A site's open jobs in the order of the page: a stop that waits, what runs, the rest; oldest first.
export function openJobs(model, site) {
  const jobs = [...model.open.values()].filter((job) => job.site === site);
  return jobs.sort((a, b) => rank(a) - rank(b) || (a.ulid < b.ulid ? -1 : 1));
}

const STOP_FIRST = -1;

function rank(job) {
  return job.command_class === "stop" && phaseOf(job) === "waiting" ? STOP_FIRST : RANK[phaseOf(job)];
}

export function countPhases(jobs) {
  const counts = {};
  for (const job of jobs) counts[phaseOf(job)] = (counts[phaseOf(job)] || 0) + 1;
  return counts;
}

export function sitesInOrder(model) {
  return [...model.sites.values()].sort((a, b) => a.site.localeCompare(b.site));
}

// Of these sites, the one with the most jobs in a day; "" when there is none.
export function busiest(model, sites) {
  const jobs = (site) => Object.values(model.sites.get(site)?.counts || {}).reduce((sum, count) => sum + count, 0);
  return sites.reduce((best, site) => (best && jobs(best) >= jobs(site) ? best : site), "");
}

// May this user withdraw the job? The server decides; this only hides a button that could not work.
export function mayCancel(user, job) {
  if (!user || phaseOf(job) !== "waiting") return false;
  return isStaff(user) || (!looksOnly(user) && user.user_id === job.user_id);
}

// Programs of observatories and viewers may not act, unless they are staff as well.
export function looksOnly(user) {
  return !isStaff(user) && Boolean(user?.roles?.some((role) => role === "observatory" || role === "viewer"));
}

export function isStaff(user) {
  return Boolean(user?.roles?.some((role) => role === "admin" || role === "owner"));
}

export function isAdmin(user) {
  return Boolean(user?.roles?.includes("admin"));
}

// The person of the lock, or an administrator; without a login a lock that was set without one.
export function mayUnlock(user, lock) {
  return user ? isAdmin(user) || user.user_id === lock.user_id : !lock.user_id;
}

// As for alarms: staff, users with a token for this site alone; and on a job the user who sent the job.
export function mayNote(user, site, job) {
  if (!user || !site || looksOnly(user)) return false;
  const isOfSite = user.sites?.includes(site);
  return (!user.sites?.length || isOfSite) && (isStaff(user) || isOfSite || Boolean(job && job.user_id === user.user_id));
}

export function mayStrike(user, note) {
  return isStaff(user) || (Boolean(user) && !looksOnly(user) && user.user_id === note.author_id);
}

// How the last job for such a device named it; "" when there was none.
export function knownInstance(model, site, device) {
  const jobs = [...model.events.map((event) => event.job), ...model.open.values()];
  return jobs.find((job) => job.site === site && job.device === device && job.instance)?.instance || "";
}

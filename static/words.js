// The words of the page, none of which may lie: a job that was handed out reads "picked up", never "running",
// and a status this page does not know is shown as it came. Pure functions.

import { marked } from "./marks.js";
import { phaseOf, progress, silentFor, startOf, stuck } from "./state.js";
import { ago, compact, countdown, datedClock, elapsed, span } from "./time.js";

export const PHASE_WORDS = {
  waiting: "waiting", picked_up: "picked up", running: "running", done: "done", failed: "failed", gone: "gone",
};

export const PHASE_MEANINGS = {
  waiting: "Nobody has fetched this job yet.",
  picked_up: "The site has fetched this job. Whether it began is known only once the site reports it.",
  running: "The site reports that it is at work on this job.",
  done: "The site reports that the job is complete.",
  failed: "The site reports that the job failed.",
  gone: "Cancelled or expired before it ended; it will not be delivered any more.",
};

const STATUS_WORDS = { UNREAD: "waiting", RECEIVED: "picked up" };

export function statusWord(status) {
  return Object.hasOwn(STATUS_WORDS, status) ? STATUS_WORDS[status] : String(status ?? "–");
}

export function statusMeaning(job) {
  return `${job.status}: ${PHASE_MEANINGS[phaseOf(job)]}`;
}

const UNSEEN = /^[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]+$/u;
const TURNS_TEXT = /[\u0590-\u{10ffff}]/u;

// A name of nothing that can be seen says so; characters that nobody can see are marks.
const seen = (name) => (UNSEEN.test(name) ? "(no name)" : marked(name));

// A name beside others: one that reads from right to left turns round itself only, never what stands next to it.
export function besides(name) {
  const shown = seen(name);
  return TURNS_TEXT.test(shown) ? `\u2068${shown}\u2069` : shown;
}

// Names one after the other, from left to right also when the first of them reads the other way.
function inOrder(names, between) {
  const text = names.filter(Boolean).map(besides).join(between);
  return TURNS_TEXT.test(text) ? `\u200e${text}` : text;
}

export function deviceName(job) {
  return inOrder([job.device, job.instance], " / ") || "–";
}

export function jobLabel(job) {
  return job.label ? seen(job.label) : inOrder([job.device, job.action], " ") || "–";
}

export function userName(job) {
  return seen(job.user_name || job.user_id || "–");
}

// Who did it: the name of the job's own user, otherwise as the server names a user or a program.
export function actorName(entry, job) {
  return entry.who === job.user_id ? userName(job) : seen(entry.who || "–");
}

// What stands behind that name: the address of a program, the id of a user; "" where the name says it all.
export function actorTip(entry, job) {
  if (entry.address) return `Address ${entry.address}`;
  return entry.who && entry.who !== actorName(entry, job) ? `User ${entry.who}` : "";
}

// What time says about a job under way: how long it waits, what is left of its estimate, how long it took.
export function timeWords(job, nowMs) {
  const phase = phaseOf(job);
  if (phase === "waiting") return `for ${elapsed(nowMs - job.created_ms)}`;
  if (phase !== "running") return isTimed(job) ? `took ${tookWords(job, nowMs)}` : "";
  const known = progress(job, nowMs);
  return known ? countdown(known.leftMs) : `for ${elapsed(nowMs - startOf(job))}`;
}

// From when it was sent to when it was picked up, or to its end when nobody ever picked it up.
export function waitedWords(job, nowMs) {
  const phase = phaseOf(job);
  if (job.picked_up_ms != null) return span(job.picked_up_ms - job.created_ms);
  if (phase === "waiting") return `${elapsed(nowMs - job.created_ms)}…`;
  return phase === "gone" && job.ended_ms != null ? span(job.ended_ms - job.created_ms) : "–";
}

// From its start, or from when it was picked up when nobody reported a start, to its end. A job that was picked up
// and not reported on tells nothing.
export function tookWords(job, nowMs) {
  if (phaseOf(job) === "running") return `${elapsed(nowMs - startOf(job))}…`;
  return isTimed(job) ? span(job.ended_ms - (job.started_ms ?? job.picked_up_ms)) : "–";
}

function isTimed(job) {
  return job.ended_ms != null && (job.started_ms ?? job.picked_up_ms) != null;
}

// The line of times under a job that is under way.
export function sinceWords(job, nowMs) {
  const phase = phaseOf(job);
  if (phase === "waiting") return `sent ${datedClock(job.created_ms, nowMs)}`;
  if (phase === "picked_up") {
    return `picked up ${datedClock(job.changed_ms, nowMs)}, ${ago(nowMs - job.changed_ms)}; no report since`;
  }
  if (phase !== "running") return `${statusWord(job.status)} ${datedClock(job.changed_ms, nowMs)}`;
  const known = progress(job, nowMs);
  const until = known ? `until about ${datedClock(known.endMs, nowMs)}` : "no estimate";
  return `since ${datedClock(startOf(job), nowMs)} · ${until}`;
}

export function stuckWords(job, nowMs, deviceReports) {
  const why = stuck(job, nowMs, deviceReports);
  if (why === "overdue") return `${span(-progress(job, nowMs).leftMs)} past its own estimate`;
  if (why === "unreported") return `picked up ${datedClock(job.changed_ms, nowMs)}, no report for ${compact(nowMs - job.changed_ms)}`;
  return "";
}

export function askedWords(site, nowMs) {
  if (site.last_poll_ms == null) return "has never asked for jobs";
  return `asked ${ago(Math.max(0, nowMs - site.last_poll_ms))}`;
}

// One line under the state word.
export function siteSentence(site, counts, nowMs) {
  const work = ["running", "picked_up", "waiting"]
    .filter((phase) => counts[phase])
    .map((phase) => `${counts[phase]} ${PHASE_WORDS[phase]}`).join(" · ");
  if (!silentFor(site, nowMs)) return work || "nothing runs, nothing waits";
  const why = site.last_poll_ms == null ? "no program has asked for this site's jobs" : "the site does not ask for jobs";
  return counts.waiting ? `${why} · ${counts.waiting} waiting for it` : why;
}

export function tallyWords(counts = {}) {
  const parts = ["done", "failed", "gone"].map((phase) => `${counts[phase] || 0} ${PHASE_WORDS[phase]}`);
  return `last 24 h: ${parts.join(" · ")}`;
}

export function skewWords(skewMs) {
  return `this computer's clock is ${span(Math.abs(skewMs))} ${skewMs > 0 ? "ahead of" : "behind"} the server's`;
}

// What a hand-out may mean beyond "picked up", for the person who reads it.
const UNCONFIRMED = "Hand-out unconfirmed: the answer that carried this job went out, but nothing since shows that it "
  + "arrived. The site may not have it.";
const OPEN = "Hand-out not confirmed yet: the site's next request, or the end of its connection, will show that the "
  + "answer arrived.";
const FLUSHED = "Maybe flushed: the request that got this job does not fit the interval of the site's other requests. "
  + "Site programs ask like this to empty their queue and throw the answer away, so the job may never have been "
  + "carried out.";
const WAITS_AGAIN = "It waits again, to be handed out once more.";
const STOP_AGAIN = "A stop is handed out once more by itself, unless something newer was handed out since, or the setting "
  + "redeliver_stop is off.";
const NOT_AGAIN = "The job is not sent again by itself.";

// `phase`: the job's in the queue of the hand-out.
export function handoutSentences(handout, job, phase) {
  if (!handout) return [];
  const stop = job.command_class === "stop" && STOP_AGAIN;
  const again = phase === "waiting" ? WAITS_AGAIN : stop || NOT_AGAIN;
  const state = { UNCONFIRMED: `${UNCONFIRMED} ${again}`, OPEN }[handout.state];
  return [state, handout.maybe_flushed && `${FLUSHED} ${again}`].filter(Boolean);
}

export function handoutWord(handout) {
  if (!handout) return "";
  const state = { OPEN: "not confirmed yet", CONFIRMED: "confirmed", UNCONFIRMED: "UNCONFIRMED" }[handout.state];
  return [state || String(handout.state), handout.maybe_flushed ? "maybe flushed" : ""].filter(Boolean).join(", ");
}

// The same where there is room for two words; "" when nothing is in doubt.
export function doubtWords(handout) {
  if (!handout) return "";
  const state = handout.state === "UNCONFIRMED" && "unconfirmed";
  return [state, handout.maybe_flushed && "maybe flushed"].filter(Boolean).join(", ");
}

// What happened in a change: a job that comes back to its queue is not the same as one that was just sent.
export function eventWord(event) {
  if (event.status !== "UNREAD") return statusWord(event.status);
  return event.queue === "both" ? "sent" : "waiting again";
}

export function estimateWords(estimateS) {
  return Number.isFinite(estimateS) && estimateS >= 0 ? `${span(estimateS * 1000)} to go` : "";
}

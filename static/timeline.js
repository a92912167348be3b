// A job's timeline as marks with the time between them: sent, picked up, each report, and what comes next, with the
// time that has grown since the last of them. Pure functions.

import { isOpen, phaseOf, progress } from "./state.js";
import { countdown, datedClock, elapsed, span, utcClock } from "./time.js";
import { doubtWords, handoutSentences, statusWord } from "./words.js";

// A report that repeats the status only brings a new estimate; it gets no mark of its own.
export function steps(job, queue, nowMs) {
  const entries = job.timeline.filter((entry) => entry.queue === queue || entry.queue === "both");
  const marks = [];
  for (const entry of entries) {
    if (marks.at(-1)?.status !== entry.status) marks.push(markOf(entry, marks.at(-1)));
  }
  if (marks[0]?.status === "UNREAD") Object.assign(marks[0], { word: "sent", glyph: "sent" });
  return queue === "primary" && isOpen(job) ? withNext(marks, job, nowMs) : marks;
}

function markOf(entry, before) {
  const phase = phaseOf(entry);
  const gap = before ? span(entry.time_ms - before.time_ms) : "";
  const word = statusWord(entry.status);
  const time = utcClock(entry.time_ms);
  return { key: entry.seq, status: entry.status, phase, glyph: phase, word, time_ms: entry.time_ms, time, gap, note: "" };
}

const NEXT = { waiting: "not picked up yet", picked_up: "no report", running: "no estimate" };

// What an open job waits for: its expected end when it gave one.
function withNext(marks, job, nowMs) {
  const known = progress(job, job.changed_ms);
  const [word, time] = known ? ["expected", datedClock(known.endMs, nowMs)] : [NEXT[phaseOf(job)], ""];
  const next = { key: "next", phase: "gone", glyph: "expected", word, time, note: "", next: true };
  return [...doubted(marks, job), next];
}

// A hand-out that may have gone wrong is marked where it stands, until a report answers the question.
function doubted(marks, job) {
  if (phaseOf(job) !== "picked_up") return marks;
  const handouts = new Map(job.timeline.map((entry) => [entry.seq, entry.handout]));
  return marks.map((mark) => ({ ...mark, note: doubtWords(handouts.get(mark.key)) }));
}

// How long the last thing that happened to an open job is ago: it grows on the way to what comes next.
export function growingGap(marks, nowMs) {
  return marks.length > 1 ? `${elapsed(nowMs - marks.at(-2).time_ms)}…` : "";
}

export function expectedEnd(job, nowMs) {
  const known = progress(job, nowMs);
  return known ? countdown(known.leftMs) : "";
}

// Nearly no site asks its alternate queue; a job that just lies there tells nothing.
export function alternateDiffers(job) {
  return job.alternate_status !== job.status && ![undefined, null, "UNREAD"].includes(job.alternate_status);
}

// What the hand-outs leave open. A report of the site answers the question, so then there is nothing to say.
export function cautions(job) {
  const phase = (entry) => (entry.queue === "alternate" ? job.alternate_phase : phaseOf(job));
  const open = job.timeline.filter((entry) => ["waiting", "picked_up"].includes(phase(entry)));
  return [...new Set(open.flatMap((entry) => handoutSentences(entry.handout, job, phase(entry))))];
}

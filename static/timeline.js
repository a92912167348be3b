// A job's timeline as marks with the time between them: sent, picked up, each report, and the expected end.
// Pure functions.

import { phaseOf, progress } from "./state.js";
import { countdown, span } from "./time.js";
import { handoutSentences, statusWord } from "./words.js";

// A report that repeats the status only brings a new estimate; it gets no mark of its own.
export function steps(job, queue) {
  const entries = job.timeline.filter((entry) => entry.queue === queue || entry.queue === "both");
  const marks = [];
  for (const entry of entries) {
    if (marks.at(-1)?.status !== entry.status) marks.push(markOf(entry, marks.at(-1)));
  }
  if (marks[0]?.status === "UNREAD") Object.assign(marks[0], { word: "sent", glyph: "sent" });
  return withEnd(marks, job, queue);
}

function markOf(entry, before) {
  const phase = phaseOf(entry);
  const gap = before ? span(entry.time_ms - before.time_ms) : "";
  const word = statusWord(entry.status);
  return { key: entry.seq, status: entry.status, phase, glyph: phase, word, time_ms: entry.time_ms, gap };
}

function withEnd(marks, job, queue) {
  const known = queue === "primary" ? progress(job, job.changed_ms) : null;
  if (!known) return marks;
  const end = { key: "end", phase: "gone", glyph: "expected", word: "expected", time_ms: known.endMs, expected: true };
  return [...marks, end];
}

// When the work on the job began, by the first report of it; the last change when there is none.
export function startOf(job) {
  let start = null;
  for (const entry of job.timeline) {
    if (entry.queue === "alternate") continue;
    if (phaseOf(entry) !== "running") start = null;
    else start ??= entry.time_ms;
  }
  return start ?? job.changed_ms;
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
  return [...new Set(open.flatMap((entry) => handoutSentences(entry.handout)))];
}

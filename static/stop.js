// The stop and its proof: what is sent, in which order, and what is known of each step from the job's own changes.
// Pure functions; a step is changed only by the functions here.

import { isStopInDoubt } from "./alarms.js";
import { rules } from "./rules.js";
import { phaseOf } from "./state.js";
import { SECOND, span, utcClock } from "./time.js";

export const HOLD_MS = 700;
// The site empties its queue when it stops: what follows must come after that.
export const AFTER_STOP_MS = 5 * SECOND;

const NOTHING = { instance: "", required_params: {}, optional_params: {} };

export function stopCommand(site) {
  return { ...NOTHING, site, device: "all", instance: "all", action: "cancel_all_commands" };
}

// Stop, then park, then close the roof: by the station that the observatory is tied to, when there is one.
export function safeCommands(site, station, instanceOf = () => "") {
  const park = { ...NOTHING, site, device: "mount", instance: instanceOf(site, "mount"), action: "park" };
  const steps = [["STOP", stopCommand(site)], ["PARK", park]];
  if (!station) return steps;
  const instance = instanceOf(station, "enclosure");
  const close = { ...NOTHING, site: station, device: "enclosure", instance, action: "close" };
  return [...steps, ["CLOSE", close]];
}

// What stands beside the button when the server says that the user may not stop the site now; `answer` is that of
// /api/may. It is only asked now and then, so the button stays: the server decides. Staff may always stop.
export function doubtWords(site, answer, staff) {
  if (staff || !answer || answer.may) return "";
  const holders = /reservation/.test(answer.why) ? (answer.holders || []).join(", ") : "";
  return holders
    ? `${site}: reserved by ${holders}; the server may refuse`
    : `${site}: the server may refuse. ${answer.why || ""}`.trim();
}

// `turnMs`: since when only a stop under way keeps it waiting. `next`: the same, sent again by a later run.
export function newStep(word, command) {
  const times = { turnMs: null, askedMs: null, sentMs: null, pickedMs: null };
  return { word, command, ulid: "", ...times, doubted: false, endedAs: "", error: "", next: null };
}

export function isStop(step) {
  return step.command.action === "cancel_all_commands";
}

// Takes what a change says of the step's job. The first hand-out is the proof; a report is one too.
export function takeChange(step, change) {
  if (!step.ulid || change.job?.ulid !== step.ulid || change.queue === "alternate") return;
  const phase = phaseOf(change);
  if (phase === "waiting") step.sentMs = change.time_ms;
  else if (phase === "gone") step.endedAs = change.status;
  else step.pickedMs ??= change.time_ms;
}

// The server doubts that the answer which carried the step arrived, until something shows that it did.
export function takeAlarms(step, alarms) {
  step.doubted = step.ulid !== "" && isStopInDoubt(alarms, step.ulid);
}

// "idle" | "sending" | "sent" | "late" | "picked_up" | "doubted" | "failed" | "replaced"
export function stepState(step, nowMs) {
  // A stop withdraws all that waits at its site, an earlier stop too.
  if (step.error || step.endedAs) return step.next && !step.next.error ? "replaced" : "failed";
  if (step.pickedMs !== null) return step.doubted ? "doubted" : "picked_up";
  if (step.sentMs !== null) return nowMs - step.sentMs >= rules.stop_s * SECOND ? "late" : "sent";
  if (step.askedMs !== null) return "sending";
  return "idle";
}

export function isTrouble(step, nowMs) {
  return ["late", "doubted", "failed"].includes(stepState(step, nowMs));
}

// "saf: STOP sent 03:12:07 → picked up 03:12:10"
export function proofWords(step, nowMs) {
  const state = stepState(step, nowMs);
  const what = `${step.command.site}: ${step.word}`;
  const sent = `${what} sent ${utcClock(step.sentMs)}`;
  return {
    idle: `${what} comes next`,
    sending: `${what} is being sent…`,
    sent: `${sent} → waiting ${Math.floor((nowMs - step.sentMs) / SECOND)} s for the site`,
    picked_up: `${sent} → picked up ${utcClock(step.pickedMs)}`,
    doubted: `${sent} → handed out ${utcClock(step.pickedMs)}, NOT CONFIRMED`,
    late: `${sent} → NOT PICKED UP for ${span(nowMs - step.sentMs)}`,
    failed: step.error ? `${what} NOT SENT. ${step.error}` : `${sent} → ${step.endedAs}`,
    replaced: `${what} gave way to the next ${step.word}`,
  }[state];
}

const TROUBLE = { late: "not picked up", doubted: "handed out, but nothing shows that it arrived" };

// What a person must do now; "" while nothing is wrong.
export function troubleWords(steps, nowMs) {
  const step = steps.find((one) => isTrouble(one, nowMs));
  if (!step) return "";
  const ended = step.endedAs ? step.endedAs.toLowerCase() : "not sent";
  const what = TROUBLE[stepState(step, nowMs)] || ended;
  const where = step.command.site;
  return isStop(step)
    ? `Stop of ${where} ${what}: use the hardware stop`
    : `${step.word} at ${where} ${what}: see to it by hand`;
}

// When may the step after this one go out? Never while it may still be picked up in time.
export function isSettled(step, nowMs) {
  const state = stepState(step, nowMs);
  if (state === "picked_up" || state === "doubted") return nowMs - step.pickedMs >= AFTER_STOP_MS;
  return ["late", "failed", "replaced"].includes(state);
}

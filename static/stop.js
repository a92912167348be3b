// The stop and its proof: what is sent, in which order, and what is known of each step from the job's own changes.
// Pure functions; a step is changed only by the functions here.

import { isStopInDoubt } from "./alarms.js";
import { rules } from "./rules.js";
import { phaseOf } from "./state.js";
import { SECOND, span, utcClock } from "./time.js";
import { userName } from "./words.js";

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
  return { word, command, ...newProof(""), turnMs: null, askedMs: null, error: "", next: null, newer: null };
}

// What is known of one job from its changes.
function newProof(ulid) {
  return { ulid, sentMs: null, pickedMs: null, doubted: false, endedAs: "" };
}

export function isStop(step) {
  return step.command.action === "cancel_all_commands";
}

// Takes what a change says of the step's job, or of a newer stop that may have withdrawn it.
export function takeChange(step, change) {
  if (!step.ulid || !change.job || change.queue === "alternate") return;
  if (change.job.ulid === step.ulid) takeProof(step, change);
  else if (isStop(step)) takeNewer(step, change);
}

// The first hand-out is the proof; a report is one too.
function takeProof(proof, change) {
  const phase = phaseOf(change);
  if (phase === "waiting") proof.sentMs = change.time_ms;
  else if (phase === "gone") proof.endedAs = change.status;
  else proof.pickedMs ??= change.time_ms;
}

// The newest stop of the site, whoever sent it.
function takeNewer(step, change) {
  const { job } = change;
  if (job.site !== step.command.site || job.command_class !== "stop") return;
  if (job.ulid > (step.newer?.ulid || step.ulid)) step.newer = { ...newProof(job.ulid), who: userName(job) };
  if (job.ulid === step.newer?.ulid) takeProof(step.newer, change);
}

// A stop that a newer one withdrew is proved by the newer one.
function proofOf(step) {
  return step.endedAs && step.newer ? step.newer : step;
}

// The server doubts that the answer which carried a stop arrived, until something shows that it did.
export function takeAlarms(step, alarms) {
  for (const proof of [step, step.newer]) {
    if (proof) proof.doubted = proof.ulid !== "" && isStopInDoubt(alarms, proof.ulid);
  }
}

// "idle" | "sending" | "sent" | "late" | "picked_up" | "doubted" | "failed" | "replaced"
export function stepState(step, nowMs) {
  // A stop withdraws all that waits at its site, an earlier stop too.
  if ((step.error || step.endedAs) && step.next && !step.next.error) return "replaced";
  const proof = proofOf(step);
  if (step.error || proof.endedAs) return "failed";
  if (proof.pickedMs !== null) return proof.doubted ? "doubted" : "picked_up";
  if (proof.sentMs !== null) return nowMs - proof.sentMs >= rules.stop_s * SECOND ? "late" : "sent";
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
  const proof = proofOf(step);
  const way = proof === step ? "" : ` → gave way to the stop of ${proof.who}`;
  const sent = `${what} sent ${utcClock(step.sentMs)}${way}`;
  return {
    idle: `${what} comes next`,
    sending: `${what} is being sent…`,
    sent: `${sent} → waiting ${Math.floor((nowMs - proof.sentMs) / SECOND)} s for the site`,
    picked_up: `${sent} → picked up ${utcClock(proof.pickedMs)}`,
    doubted: `${sent} → handed out ${utcClock(proof.pickedMs)}, NOT CONFIRMED`,
    late: `${sent} → NOT PICKED UP for ${span(nowMs - proof.sentMs)}`,
    failed: step.error ? `${what} NOT SENT. ${step.error}` : `${sent} → ${proof.endedAs}`,
    replaced: `${what} gave way to the next ${step.word}`,
  }[state];
}

const TROUBLE = { late: "not picked up", doubted: "handed out, but nothing shows that it arrived" };

// What a person must do now; "" while nothing is wrong.
export function troubleWords(steps, nowMs) {
  const step = steps.find((one) => isTrouble(one, nowMs));
  if (!step) return "";
  const ended = proofOf(step).endedAs.toLowerCase() || "not sent";
  const what = TROUBLE[stepState(step, nowMs)] || ended;
  const where = step.command.site;
  return isStop(step)
    ? `Stop of ${where} ${what}: use the hardware stop`
    : `${step.word} at ${where} ${what}: see to it by hand`;
}

// When may the step after this one go out? Never while it may still be picked up in time.
export function isSettled(step, nowMs) {
  const state = stepState(step, nowMs);
  if (state === "picked_up" || state === "doubted") return nowMs - proofOf(step).pickedMs >= AFTER_STOP_MS;
  return ["late", "failed", "replaced"].includes(state);
}

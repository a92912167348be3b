// A stop that was held here and its proof: what is known of it from its job's own changes. Also the words for the
// steps of a stop and of an act that makes a site safe. Pure functions; a stop is changed only by the functions here.

import { isReportedOnly, isStopInDoubt } from "./alarms.js";
import { rules } from "./rules.js";
import { phaseOf } from "./state.js";
import { SECOND, span, utcClock } from "./time.js";
import { userName } from "./words.js";

export const HOLD_MS = 700;
// How long a proof stays in sight at least.
const PROVED_MS = 5 * SECOND;

export function stopCommand(site) {
  return { site, device: "all", instance: "all", action: "cancel_all_commands", required_params: {}, optional_params: {} };
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

// `makesSafe`: the server is asked for more than the stop. `next`: a later hold at the same site; `newer`: the newest
// stop there, whoever sent it.
export function newStop(site, makesSafe = false) {
  return { site, makesSafe, ...newProof(""), askedMs: null, error: "", next: null, newer: null };
}

// What is known of one job from its changes.
function newProof(ulid) {
  return { ulid, sentMs: null, pickedMs: null, doubted: false, reported: false, endedAs: "" };
}

// The stops in sight once one more was held: what went wrong stays until the same site is stopped again.
export function withStop(stops, begun, nowMs) {
  for (const stop of stops) if (stop.site === begun.site) stop.next = begun;
  const isDone = (stop) => isOver(stop, nowMs) && (stop.next || stopState(stop, nowMs) === "picked_up");
  return [...stops.filter((stop) => !isDone(stop)), begun];
}

// Takes what a change says of the stop's job, or of a newer stop that may have withdrawn it.
export function takeChange(stop, change) {
  if (!stop.ulid || !change.job || change.queue === "alternate") return;
  if (change.job.ulid === stop.ulid) takeProof(stop, change);
  else takeNewer(stop, change);
}

// The first hand-out is the proof; a report is one too.
function takeProof(proof, change) {
  const phase = phaseOf(change);
  // A stop that comes back from an answer in doubt waits anew.
  if (phase === "waiting") proof.sentMs ??= change.time_ms;
  else if (phase === "gone") proof.endedAs = change.status;
  else proof.pickedMs ??= change.time_ms;
}

function takeNewer(stop, change) {
  const { job } = change;
  if (job.site !== stop.site || job.command_class !== "stop") return;
  if (job.ulid > (stop.newer?.ulid || stop.ulid)) stop.newer = { ...newProof(job.ulid), who: userName(job) };
  if (job.ulid === stop.newer?.ulid) takeProof(stop.newer, change);
}

// A stop that a newer one withdrew is proved by the newer one.
function proofOf(stop) {
  return stop.endedAs && stop.newer ? stop.newer : stop;
}

// The server doubts that the answer which carried a stop arrived, until something shows that it did; a stop that was
// only reported had no answer.
export function takeAlarms(stop, alarms) {
  for (const proof of [stop, stop.newer]) {
    if (!proof) continue;
    proof.doubted = proof.ulid !== "" && isStopInDoubt(alarms, proof.ulid);
    proof.reported = isReportedOnly(alarms, proof.ulid);
  }
}

// "sending" | "sent" | "late" | "picked_up" | "doubted" | "reported" | "failed" | "replaced"
export function stopState(stop, nowMs) {
  // A stop withdraws all that waits at its site, an earlier stop too.
  if ((stop.error || stop.endedAs) && stop.next && !stop.next.error) return "replaced";
  const proof = proofOf(stop);
  if (stop.error || proof.endedAs) return "failed";
  if (proof.pickedMs !== null && proof.reported) return "reported";
  if (proof.pickedMs !== null) return proof.doubted ? "doubted" : "picked_up";
  if (proof.sentMs === null) return "sending";
  return nowMs - proof.sentMs >= rules.stop_s * SECOND ? "late" : "sent";
}

// Nothing more is awaited: it is proved or in trouble.
export function isOver(stop, nowMs) {
  const state = stopState(stop, nowMs);
  if (["picked_up", "doubted", "reported"].includes(state)) return nowMs - proofOf(stop).pickedMs >= PROVED_MS;
  return isTrouble(state) || state === "replaced";
}

export function stopWords(stop, nowMs) {
  if (stop.error) return `${stop.site}: STOP NOT SENT. ${stop.error}`;
  const proof = proofOf(stop);
  const known = { sentMs: stop.sentMs, waitsMs: nowMs - proof.sentMs, pickedMs: proof.pickedMs, ended: proof.endedAs };
  return stepWords(`${stop.site}: STOP`, stopState(stop, nowMs), { ...known, gaveWayTo: proof.who });
}

export function stopTrouble(stop, nowMs) {
  const ended = stop.error ? "not sent" : proofOf(stop).endedAs;
  return troubleWords({ word: "STOP", site: stop.site, state: stopState(stop, nowMs), ended });
}

// ---- one step, of a stop or of an act

// "saf: STOP sent 03:12:07 → picked up 03:12:10"
export function stepWords(what, state, { sentMs, waitsMs, pickedMs, ended = "", gaveWayTo = "" }) {
  const sent = `${what} sent ${utcClock(sentMs)}${gaveWayTo ? ` → gave way to the stop of ${gaveWayTo}` : ""}`;
  const picked = `${sent} → picked up ${utcClock(pickedMs)}`;
  return {
    next: `${what} comes next`,
    locked: `${what}: LOCKED OUT, it waits until the site is unlocked`,
    unsent: `${what}: NOT SENT, the site was locked out`,
    sending: `${what} is being sent…`,
    sent: `${sent} → waiting ${Math.floor(waitsMs / SECOND)} s for the site`,
    late: `${sent} → NOT PICKED UP for ${span(waitsMs)}`,
    picked_up: picked,
    running: `${picked} → running`,
    done: `${picked} → done`,
    doubted: `${sent} → handed out ${utcClock(pickedMs)}, NOT CONFIRMED`,
    reported: `${sent} → REPORTED, NOT HANDED OUT HERE`,
    failed: `${sent} → ${ended}`,
    replaced: `${what} gave way to the next STOP`,
  }[state];
}

export const isTrouble = (state) => ["late", "doubted", "failed", "unsent"].includes(state);

const TROUBLE = { unsent: "not sent", late: "not picked up", doubted: "handed out, but nothing shows that it arrived" };

// What a person must do now; "" while nothing is wrong.
export function troubleWords({ word, site, state, ended }) {
  if (!isTrouble(state)) return "";
  const what = TROUBLE[state] || ended.toLowerCase();
  return word === "STOP" ? `Stop of ${site} ${what}: use the hardware stop` : `${word} at ${site} ${what}: see to it by hand`;
}

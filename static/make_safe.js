// The acts of the server that make a site safe, step by step: stop, park, close. The server carries them out, whether a
// page is open or not, and /api/now tells every page how far they are. Pure functions.

import { isReportedOnly, isStopInDoubt } from "./alarms.js";
import { MINUTE, utcClock } from "./time.js";
import { isTrouble, stepWords, troubleWords } from "./stop.js";

// An act that is over and proved makes room after this time.
const SHOWN_MS = 5 * MINUTE;

// Those to be seen, oldest first. A newer act at the same site has taken the place of a replaced one.
export function actsShown(makings, alarms, nowMs) {
  const isOld = (act) => isOver(act) && nowMs - act.ended_ms > SHOWN_MS && !actTrouble(act, alarms);
  return makings.filter((act) => !act.replaced && !isOld(act)).sort((one, other) => one.id - other.id);
}

// Nothing of it is left to send, and nothing to wait for.
export function isOver(act) {
  return act.ended_ms != null;
}

// [{state, words, pickedMs}]: who began it, then its steps.
export function actLines(act, alarms, nowMs) {
  const head = `Stop and make safe: ${act.site}, by ${act.user_name || act.user_id}, ${utcClock(act.since_ms)}`;
  const lines = [{ state: "head", words: head }, ...act.steps.map((step) => lineOf(step, alarms, nowMs))];
  // The roof stays as it is: someone else must close it.
  const leftOut = `${act.left_out}: not closed, the user has no rights there. Close the roof in another way.`;
  return act.left_out ? [...lines, { state: "failed", words: leftOut }] : lines;
}

function lineOf(step, alarms, nowMs) {
  const state = stateOf(step, alarms);
  const known = { sentMs: step.sent_ms, waitsMs: nowMs - step.sent_ms, pickedMs: step.picked_up_ms };
  const words = stepWords(`${step.site}: ${step.word}`, state, { ...known, ended: endOf(step), gaveWayTo: step.gave_way_to });
  return { state, words, pickedMs: step.picked_up_ms };
}

// The first thing that is wrong with it; "" while nothing is.
export function actTrouble(act, alarms) {
  const wrong = act.steps.find((step) => isTrouble(stateOf(step, alarms)));
  return wrong ? troubleWords({ ...wrong, state: stateOf(wrong, alarms), ended: endOf(wrong) }) : "";
}

const endOf = (step) => (step.state === "gone" ? "withdrawn" : step.state);

function stateOf(step, alarms) {
  if (step.state === "gone") return "failed";
  if (isReportedOnly(alarms, step.ulid)) return "reported";
  return step.state === "picked_up" && isStopInDoubt(alarms, step.ulid) ? "doubted" : step.state;
}

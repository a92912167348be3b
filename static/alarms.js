// What somebody must look at now, as the server tells it: {key, kind, site, ulid, sentence, todo, manual, since_ms, raised_ms,
// loud, ack}, the worst first. `ack` is {who, time_ms} once somebody has seen it, for all pages. The page itself only
// knows that it is not live, that a clock is wrong and that its sound is off, and says so elsewhere. Pure functions.

import { compact } from "./time.js";

export const unseen = (alarms) => alarms.filter((alarm) => !alarm.ack);

// Those that sound until somebody has seen them.
export const sounding = (alarms) => unseen(alarms).filter((alarm) => alarm.loud);

// An alarm that went and came again is another one.
export const nameOf = (alarm) => `${alarm.key} ${alarm.raised_ms}`;

// How long it lasts by now; its sentence stays as it was when it was raised.
export function ageWords(alarm, nowMs) {
  return Number.isFinite(alarm.since_ms) ? compact(nowMs - alarm.since_ms) : "";
}

// One line for the screens that do not list the alarms.
export function summaryWords(alarms) {
  const [first, ...others] = sounding(alarms);
  if (!first) return "";
  return others.length ? `${others.length + 1} alarms: ${first.sentence}` : first.sentence;
}

// Does the server doubt that this stop, closing or parking arrived, though it was handed out?
export function isStopInDoubt(alarms, ulid) {
  return alarms.some((alarm) => alarm.key.endsWith(`-doubt/${ulid}`));
}

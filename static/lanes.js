// The devices of a site that do nothing now: what each did last, how that ended, and since when it rests.
// Pure functions; devices at work stand above as jobs with their progress.

import { isOpen, phaseOf } from "./state.js";
import { compact, datedClock } from "./time.js";
import { deviceName, jobLabel, statusWord } from "./words.js";

const LANES_SHOWN = 8;

// [{key, device, phase, ulid, label, words}] by name, of the events that the page still has.
export function restingLanes(events, busy, site, nowMs) {
  const taken = new Set(busy.map(deviceName));
  const lanes = new Map();
  for (const { job } of events) {
    const device = deviceName(job);
    if (job.site !== site || job.device === "all" || isOpen(job) || taken.has(device) || lanes.has(device)) continue;
    lanes.set(device, laneOf(job, device, nowMs));
  }
  return [...lanes.values()].sort((a, b) => a.device.localeCompare(b.device)).slice(0, LANES_SHOWN);
}

function laneOf(job, device, nowMs) {
  const words = `${statusWord(job.status)} ${datedClock(job.changed_ms, nowMs)} · idle ${compact(nowMs - job.changed_ms)}`;
  return { key: device, device, phase: phaseOf(job), ulid: job.ulid, label: jobLabel(job), words };
}

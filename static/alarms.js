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

// [{site, alarms}]: those of a site together, in the server's order; each one about no site stands alone.
export function groupsOf(alarms) {
  const groups = new Map();
  for (const alarm of alarms) {
    const name = alarm.site || nameOf(alarm);
    if (!groups.has(name)) groups.set(name, { name, site: alarm.site, alarms: [] });
    groups.get(name).alarms.push(alarm);
  }
  return [...groups.values()];
}

const TODOS_SHOWN = 3;
const KIND_WORDS = {
  stop: ["stop not picked up", "stops not picked up"],
  "stop-doubt": ["stop in doubt", "stops in doubt"],
  "stop-reported": ["stop reported, not handed out", "stops reported, not handed out"],
  "close-reported": ["close reported, not handed out", "closes reported, not handed out"],
  "park-reported": ["park reported, not handed out", "parks reported, not handed out"],
  close: ["close not picked up", "closes not picked up"],
  "close-doubt": ["close in doubt", "closes in doubt"],
  "close-look": ["close to look after", "closes to look after"],
  park: ["park not picked up", "parks not picked up"],
  "park-doubt": ["park in doubt", "parks in doubt"],
  "park-look": ["park to look after", "parks to look after"],
  stuck: ["job stuck", "jobs stuck"],
  problem: ["problem", "problems"],
  notice: ["notice", "notices"],
  poll_refused: ["program refused", "programs refused"],
  locked_out: ["lock", "locks"],
  lock_ends: ["lock ends soon", "locks end soon"],
  token_ends: ["token ends soon", "tokens end soon"],
  keys_unfetched: ["keys not fetched", "keys not fetched"],
  provider_clock: ["clock differs", "clocks differ"],
  unnamed_hosts: ["name refused", "names refused"],
  proxy_unused: ["proxy not used", "proxies not used"],
  ipv4_only: ["IPv4 alone", "IPv4 alone"],
  sync_folder: ["folder synchronised", "folders synchronised"],
  scanned_folder: ["folder watched", "folders watched"],
};

// "saf: silent 23m10s · 4 jobs waiting · 1 stop not picked up"
export function groupWords({ site, alarms }, waiting, nowMs) {
  return `${site}: ${alarmsWords(alarms, waiting, nowMs)}`;
}

export function alarmsWords(alarms, waiting, nowMs) {
  const counts = new Map();
  for (const alarm of alarms) counts.set(kindOf(alarm), (counts.get(kindOf(alarm)) || 0) + 1);
  const silent = alarms.find((alarm) => alarm.kind === "silent");
  if (silent) counts.delete(kindOf(silent));
  const words = [...counts].map(([kind, count]) => countWords(count, KIND_WORDS[kind] || [`${kind} alarm`, `${kind} alarms`]));
  if (silent) words.unshift(kindOf(silent) === "never-polled" ? "never polled" : `silent ${ageWords(silent, nowMs)}`.trim());
  if (silent && waiting) words.splice(1, 0, countWords(waiting, ["job waiting", "jobs waiting"]));
  return words.join(" · ");
}

// What to do about them, the worst first.
export function groupTodo({ alarms }) {
  const todos = (unseen(alarms).length ? unseen(alarms) : alarms).map((alarm) => alarm.todo).filter(Boolean);
  return [...new Set(todos)].slice(0, TODOS_SHOWN).join(" ");
}

const countWords = (count, [one, many]) => `${count} ${count === 1 ? one : many}`;

// The server puts the kind before the first stroke of the key, and the code of a notice after it.
function kindOf(alarm) {
  const [kind, code] = alarm.key.split("/");
  return Object.hasOwn(KIND_WORDS, code) ? code : kind;
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

// The job left the queue by a report alone.
export function isReportedOnly(alarms, ulid) {
  return ulid !== "" && alarms.some((alarm) => alarm.key.endsWith(`-reported/${ulid}`));
}

// The link to the cloud as words: one short phrase for the screen Now, a card and its facts for the screen Site.
// `cloud` is what /api/now says of it, null while the link is off. Pure functions.

import { ago, dayOrClock, SECOND, span, utcClock } from "./time.js";

// A difference below this is what the way there takes.
const CLOCK_WORTH_SAYING = 2 * SECOND;
const CLOCK_IS_WRONG = 5 * SECOND;

const MODES = {
  primary: "primary: hands the cloud's jobs out, reports them there",
  standby: "standby: reads along, ready to become the primary",
  shadow: "shadow: only watches another program do the work",
};

const since = (ms, nowMs) => dayOrClock(ms, nowMs, utcClock(ms).slice(0, 5));

const behindWords = (cloud) => (cloud.unsent ? `${cloud.unsent} behind` : "not in step");
const stateWords = (cloud) => (cloud.state === "behind" ? behindWords(cloud) : cloud.state);
const parkedWords = (cloud) => (cloud.parked.length ? `, ${cloud.parked.length} refused` : "");

// "cloud in step", "cloud 12 behind", "cloud down since 03:12"; "" for a site that the link does not serve.
export function cloudPhrase(cloud, site, nowMs) {
  if (!cloud || !cloud.sites.some((one) => one.site === site)) return "";
  const said = {
    down: () => `cloud down since ${since(cloud.down_since_ms, nowMs)}`,
    behind: () => `cloud ${behindWords(cloud)}`,
    "in step": () => "cloud in step",
    starting: () => "cloud not asked yet",
  }[cloud.state];
  return `${said ? said() : `cloud ${cloud.state}`}${parkedWords(cloud)}`;
}

export function cloudIsBad(cloud) {
  return Boolean(cloud) && (cloud.state === "down" || cloud.parked.length > 0);
}

// {kind: "good" | "bad" | "note", word, why, todo, manual}
export function cloudCard(cloud, nowMs) {
  const why = cloud.sentence;
  if (cloud.state === "down") {
    const todo = "Jobs go on here. See whether this machine reaches the Internet; what is unsent is sent when it does.";
    return { kind: "bad", word: `down since ${since(cloud.down_since_ms, nowMs)}`, why, todo, manual: "manual/trouble#the-cloud-gives-no-usable-answer" };
  }
  if (cloud.parked.length) {
    const todo = "Decide below about each status that the cloud refuses.";
    return { kind: "bad", word: `${stateWords(cloud)}${parkedWords(cloud)}`, why, todo, manual: "manual/trouble#the-cloud-refuses-a-status" };
  }
  return { kind: cloud.state === "in step" ? "good" : "note", word: stateWords(cloud), why, todo: "", manual: "manual/cloud" };
}

// [{name, value, tipMs}] of the link as a whole; `tipMs` is a moment worth its full date, or null.
export function cloudFacts(cloud, nowMs) {
  return [
    { name: "Unsent statuses", value: cloud.unsent ? String(cloud.unsent) : "none", tipMs: null },
    oldestFact(cloud, nowMs),
    { name: "Last contact", value: moment(cloud.last_contact_ms, nowMs), tipMs: cloud.last_contact_ms },
    { name: "Clocks", value: clockWords(cloud.offset_ms), tipMs: null },
    { name: "Mode", value: MODES[cloud.mode] || cloud.mode, tipMs: null },
  ].filter(Boolean);
}

function oldestFact(cloud, nowMs) {
  if (cloud.oldest_unsent_ms == null) return null;
  return { name: "Oldest of them", value: `of a job sent ${moment(cloud.oldest_unsent_ms, nowMs)}`, tipMs: cloud.oldest_unsent_ms };
}

const moment = (ms, nowMs) => (ms == null ? "none yet" : `${since(ms, nowMs)} UTC, ${ago(Math.max(0, nowMs - ms))}`);

function clockWords(offsetMs) {
  if (offsetMs == null) return "not known yet";
  const off = Math.abs(offsetMs);
  if (off < CLOCK_WORTH_SAYING) return "the cloud's and ours agree";
  const words = `the cloud's is ${span(off)} ${offsetMs > 0 ? "ahead of" : "behind"} ours`;
  return off > CLOCK_IS_WRONG ? `${words}: set this machine's clock` : words;
}

// "jobs read until 03:12:07 UTC", and what else goes on with a site of the link.
export function cloudSiteWords(site, nowMs) {
  const read = site.read_until_ms == null ? "no job was read yet" : `jobs read until ${dayOrClock(site.read_until_ms, nowMs)} UTC`;
  return site.judging ? `${read} · looking into what a “cancel all” removed` : read;
}

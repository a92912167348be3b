// The health cards of the screen Site: how something is, in one word and one sentence, and what to do about it.
// Pure functions.

import { openJobs } from "./model.js";
import { rules } from "./rules.js";
import { silentFor, SKEW_WORTH_SAYING, siteReports, stuck } from "./state.js";
import { ago, compact, span } from "./time.js";

const DEVICES_NAMED = 8;
// What the card of the cloud link says by itself.
const SAID_BY_THE_LINK = ["cloud_down", "cloud_parked"];

// [{key, name, kind: "good" | "bad" | "note", word, why, todo, manual, polls}]; `manual` is where the manual says more,
// `polls` are those of the cards that show gaps.
export function siteCards(model, site, nowMs, skewMs) {
  return [
    pollCard(site, nowMs, isRefused(model, site.site)), alternateCard(site, nowMs), waitingCard(model, site, nowMs), stuckCard(model, site, nowMs),
    reportsCard(site), ...serverCards(model, site.site), clockCard(skewMs), stationCard(model, site),
  ].filter(Boolean);
}

function card(key, name, kind, word, why, todo = "", manual = "") {
  return { key, name, kind, word, why, todo, manual };
}

function isRefused({ health }, site) {
  return (health.notices || []).some((one) => one.code === "poll_refused" && one.site === site);
}

function pollCard(site, nowMs, refused) {
  if (site.last_poll_ms == null) {
    return card("polls", "Requests for jobs", "bad", "never", "No program has ever asked for this site's jobs.",
      "Point the observatory program's base URL for jobs at this server, and check its site code. A site that was a typing "
      + "error is removed by “prjobs sites remove”.", "manual/trouble#a-site-never-polled");
  }
  const polls = site.polls?.primary;
  const why = askedSentence(site.last_poll_ms, site.usual_gap_ms, nowMs);
  const quiet = silentFor(site, nowMs);
  if (!quiet) return { ...card("polls", "Requests for jobs", "good", "asks", why), polls };
  return { ...card("polls", "Requests for jobs", "bad", `silent ${compact(quiet)}`, why,
    refused ? "The program asks and is refused, see “Refused polls”; nothing sent here arrives until that is corrected."
      : "See whether the observatory program runs and its network is up; nothing sent here arrives until it asks again.",
    "manual/trouble#the-site-is-silent"), polls };
}

function askedSentence(lastMs, usualMs, nowMs) {
  const usual = usualMs ? `, usually every ${span(usualMs)}` : "";
  return `The last request came ${ago(Math.max(0, nowMs - lastMs))}${usual}.`;
}

// Few sites ask for the alternate queue, and nothing follows from its silence.
function alternateCard(site, nowMs) {
  const polls = site.polls?.alternate;
  if (polls?.last_ms == null) return null;
  const why = askedSentence(polls.last_ms, polls.usual_gap_ms, nowMs);
  const asks = nowMs - polls.last_ms <= (site.silent_after_ms || 60000);
  return { ...card("alternate", "Requests, alternate queue", asks ? "good" : "note", asks ? "asks" : "quiet", why), polls };
}

function waitingCard(model, site, nowMs) {
  const waiting = openJobs(model, site.site).filter((job) => job.phase === "waiting");
  if (!waiting.length) return card("waiting", "Waiting jobs", "good", "none", "Everything sent was fetched.");
  const oldest = nowMs - Math.min(...waiting.map((job) => job.created_ms));
  const late = oldest > (site.silent_after_ms || 60000);
  const why = `The oldest waits for ${span(oldest)}.`;
  return card("waiting", "Waiting jobs", late ? "bad" : "note", String(waiting.length), why,
    late ? "The site does not fetch them: cancel what must no longer happen." : "", late ? "manual/trouble#the-site-is-silent" : "");
}

function stuckCard(model, site, nowMs) {
  const count = openJobs(model, site.site).filter((job) => stuck(job, nowMs, siteReports(site, job.device))).length;
  if (!count) return card("stuck", "Stuck jobs", "good", "none", "No job is past its estimate or without a report.");
  return card("stuck", "Stuck jobs", "bad", String(count), "Past their own estimate, or picked up without a report.",
    "Look at the device; close a job that is over on its own screen.", "manual/trouble#a-job-is-stuck");
}

function reportsCard(site) {
  if (siteReports(site)) {
    const devices = site.reporting.slice(0, DEVICES_NAMED).join(", ") + (site.reporting.length > DEVICES_NAMED ? " …" : "");
    return card("reports", "Reports", "good", "come",
      `In a day reports came on jobs of ${devices}. On other devices “picked up” is all that is known.`);
  }
  return card("reports", "Reports", "note", "none",
    "In a day the site reported on no job: “picked up” is all that is known.", "", "manual/operate#what-picked-up-means");
}

// Those about another site stand on that site's screen, unless the page does not know the site.
function serverCards({ health, cloud, sites }, own) {
  const isHere = ({ site }) => !site || site === own || !sites?.has(site);
  const made = (list, kind, word) => (list || [])
    .filter((one) => isHere(one) && (!cloud || !SAID_BY_THE_LINK.includes(one.code)))
    .map((one) => findingCard(one, kind, word));
  const cards = [...made(health.problems, "bad", "problem"), ...made(health.notices, "note", "notice")];
  return cards.length ? cards : [card("server", "Server", "good", "well", "Store, disk and clock are as they should be.")];
}

function findingCard({ code, site, sentence, manual }, kind, word) {
  const key = [kind, code, site].filter(Boolean).join("/");
  if (code === "poll_refused") {
    return card(key, "Refused polls", "bad", site || "unknown site", sentence,
      "Correct the address, the site or the token in that program: until then no job and no stop reaches it.", manual);
  }
  return card(key, `Server: ${code.replaceAll("_", " ")}`, kind, word, sentence, "", manual);
}

function clockCard(skewMs) {
  if (Math.abs(skewMs) <= SKEW_WORTH_SAYING) {
    return card("clock", "Clocks", "good", "agree", "This computer and the server agree.");
  }
  return card("clock", "Clocks", "note", span(Math.abs(skewMs)),
    "This computer's clock differs from the server's; the page shows the server's.",
    "Set one of them by the network's time.", "manual/trouble#the-clock");
}

function stationCard(model, site) {
  const station = rules.stations[site.site];
  const name = "Enclosure station";
  if (station) return card("station", name, "good", station, "“Stop and make safe” closes the roof there.");
  return card("station", name, "note", "none", "“Stop and make safe” stops and parks, but closes no roof.",
    `Name it in the setting stations, such as wema=${site.site}.`, "manual/settings");
}

// Who has the site now, and who is next: {now: [reservation], next: reservation | null, uncounted: number}.
// A reservation of an observatory reserves its enclosure station too.
export function reservationsOf(around, site, nowMs) {
  const isOf = (one) => one.site === site || rules.stations[one.site] === site;
  const known = around.reservations.filter((one) => isOf(one) && one.end_ms > nowMs);
  const own = known.filter((one) => one.counts);
  const now = own.filter((one) => one.start_ms <= nowMs);
  const next = own.filter((one) => one.start_ms > nowMs).sort((a, b) => a.start_ms - b.start_ms)[0] || null;
  return { now, next, uncounted: known.length - own.length };
}

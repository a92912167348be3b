// The screen Now: one panel a site with its state word, what runs since when until when and for whom, what waits;
// below them the last events. With many sites a table stands in their place, and each site has a Now of its own.

import { reservationsDoubt } from "./around.js";
import { cloudIsBad, cloudPhrase } from "./cloud.js";
import { announce, clone, isInUse, keyed, parts, setAttr, setGlyph, setMeter, setText, setTip, show } from "./dom.js";
import { restingLanes } from "./lanes.js";
import { lockWords } from "./locks.js";
import { countPhases, openJobs, sitesInOrder } from "./model.js";
import { reservationWords } from "./reserve.js";
import { jobRoute, jobsRoute, siteRoute } from "./route.js";
import { rules } from "./rules.js";
import { reservationsOf } from "./site_cards.js";
import { SiteTable } from "./site_table.js";
import { parseSites, sitesRoute } from "./sites_filter.js";
import { zoneOf } from "./sky.js";
import { isPastNow, phaseOf, progress, silentFor, siteReports, siteState, stuck } from "./state.js";
import { bothTimes, dayOrClock } from "./time.js";
import {
  actorName, actorTip, askedWords, besides, deviceName, eventWord, jobLabel, sinceWords, siteSentence, statusMeaning,
  statusWord, stuckWords, tallyWords, timeWords, userName,
} from "./words.js";

const WORK_SHOWN = 14;
const EVENTS_SHOWN = 14;
const NONE_AT_ALL = "No observatory has asked this server for jobs, and nobody has sent one.";
// A token may reach some sites only, and the page does not know which.
const NONE_SEEN = "No site that you may see has asked this server for jobs, and nobody has sent it one.";

export function startNow({ root, model, clock, stop, go }) {
  const here = parts(root);
  const panels = new Map();
  const table = new SiteTable({ root: root.querySelector("[data-site-table]"), model, clock, go });
  // What the address asks for, and the address of the table as it was left.
  let filter = parseSites("");
  let left = "#/now";
  setText(here.address, `${location.origin}/jobs/`);

  const site = () => filter.site;
  const isTable = () => model.many && !filter.site;

  function update(state) {
    drawTable(state);
    drawPanels(state);
  }

  function drawTable(state) {
    show(here.columns, !isTable());
    show(here.backBox, filter.site && (model.many || model.sites.size > 1));
    setAttr(here.back, "href", left);
    if (!isTable()) table.hide();
    else if (table.visible) table.draw(state.live);
    else if (visible) table.show(filter);
  }

  function drawPanels(state) {
    const sites = isTable() ? [] : inOrder(here.sites, model).filter((one) => !filter.site || one.site === filter.site);
    show(here.noSites, model.loaded && !sites.length && !filter.site && !isTable());
    setText(here.noSitesWhy, model.user ? NONE_SEEN : NONE_AT_ALL);
    setAttr(here.sites, "data-count", Math.min(sites.length, 4));
    const elements = keyed(here.sites, sites.map((site) => site.site), panel);
    sites.forEach((site, at) => {
      showSite(panelOf(panels, site.site, elements[at]), site, state, model, clock.now());
      stop.drawHere(parts(elements[at]).stopHere, site.site);
    });
    showEvents(here, model, { site: filter.site, many: sites.length > 1, now: clock.now() });
  }

  let visible = false;

  function showRoute(route) {
    const before = filter.site;
    filter = parseSites(route.query);
    visible = true;
    if (!filter.site) left = sitesRoute(filter);
    if (isTable()) { table.show(filter); return; }
    table.hide();
    if (!filter.site || filter.site === before) return;
    scrollTo(0, 0);
    here.nowTitle.focus({ preventScroll: true });
  }

  function hide() {
    visible = false;
    table.hide();
  }

  function tick(state) {
    if (isTable()) table.tick(state.live);
    else drawPanels(state);
  }

  function panel(name) {
    const element = clone("t-site");
    stop.bind(parts(element).stopHere, () => name);
    element.addEventListener("click", () => stop.choose(name));
    element.addEventListener("focusin", () => stop.choose(name));
    return element;
  }

  return {
    update, tick, show: showRoute, hide, site, isTable, filter: () => filter, left: () => left, keepsFocus: () => table.keepsFocus(),
  };
}

// The worst first; but no panel moves away from a pointer, a finger or the focus.
function inOrder(box, model) {
  const sites = sitesInOrder(model);
  const shown = [...box.children].map((element) => parts(element).name.textContent);
  const at = isInUse(box) || box.querySelector("[data-holding]")
    ? (site) => shown.indexOf(site) : (site) => model.alarms.findIndex((alarm) => alarm.site === site);
  const place = ({ site }) => (at(site) < 0 ? Infinity : at(site));
  return sites.sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)));
}

// What a panel remembers between updates: its element, what it said last, the rows it keeps still.
function panelOf(panels, name, element) {
  if (panels.get(name)?.element !== element) panels.set(name, { element, said: "", rows: [] });
  return panels.get(name);
}

function showSite(panel, site, state, model, now) {
  const here = parts(panel.element);
  const open = openJobs(model, site.site);
  const jobs = open.filter((job) => !isPastNow(job, now));
  const zone = zoneOf(model.around, site.site);
  showHead(here, site, jobs, siteState(site, jobs, now, state.live), now, zone);
  setText(here.cloud, cloudPhrase(model.cloud, site.site, now));
  setAttr(here.cloud, "data-bad", cloudIsBad(model.cloud) ? "yes" : null);
  say(panel, site, siteState(site, jobs, now, state.live));
  showLocks(here, site, now);
  showHolders(here, model.around, site.site, now);
  showWork(panel, here, jobs, site, model, now);
  showLanes(here, model, jobs, site.site, now);
  showOld(here, open.length - jobs.length + (site.unlisted || 0), site);
  setText(here.tally, tallyWords(site.counts));
}

function showHead(here, site, jobs, { kind, word, under }, now, zone) {
  setAttr(here.site, "data-state", kind);
  setText(here.name, site.site);
  setAttr(here.siteLink, "href", siteRoute(site.site));
  setText(here.state, word);
  setText(here.under, under?.word || "");
  setAttr(here.under, "data-kind", under?.kind || null);
  show(here.under, under);
  setText(here.sentence, siteSentence(site, workCounts(site, jobs), now));
  setText(here.asked, askedWords(site, now));
  setTip(here.asked, site.last_poll_ms == null ? "" : `Last request for jobs: ${bothTimes(site.last_poll_ms, zone)}`);
  setAttr(here.asked, "data-silent", silentFor(site, now) ? "yes" : null);
}

function showLocks(here, site, now) {
  const locks = site.locks || [];
  show(here.locks, locks.length);
  const rows = keyed(here.locks, locks.map((lock) => lock.id), () => clone("t-line"));
  locks.forEach((lock, at) => setText(rows[at], lockWords(lock, now, site.site)));
}

function showHolders(here, around, site, now) {
  const words = reservationWords(around, reservationsOf(around, site, now), now);
  const doubt = reservationsDoubt(around, now);
  // Where reservations are known not to be used, nobody misses them.
  if (doubt && (words.length || around.reservationsAsked.asOfMs === null)) words.push(doubt);
  show(here.holders, words.length);
  setText(here.holders, words.join(" · "));
}

function showLanes(here, model, jobs, site, now) {
  const lanes = restingLanes(model.events, jobs, site, now);
  show(here.lanes, lanes.length);
  const rows = keyed(here.lanes, lanes.map((lane) => lane.key), () => clone("t-lane"));
  lanes.forEach((lane, at) => showLane(parts(rows[at]), lane));
}

function showLane(here, lane) {
  setAttr(here.row, "data-phase", lane.phase);
  setGlyph(here.glyph, lane.phase);
  setText(here.device, lane.device);
  setText(here.label, lane.label);
  setAttr(here.link, "href", jobRoute(lane.ulid));
  setText(here.words, lane.words);
}

// The server lists only so many open jobs; of those that wait it has the whole number.
function workCounts(site, jobs) {
  const counts = countPhases(jobs);
  if (jobs.length >= rules.open_limit) counts.waiting = Math.max(counts.waiting || 0, site.counts?.waiting || 0);
  return counts;
}

// Listeners hear a state when it changes, not every second of a silence.
function say(panel, site, { kind, word, under }) {
  const said = under ? `${kind} ${under.kind}` : kind;
  if (panel.said && panel.said !== said && kind !== "not_live") announce(`${site.site}: ${under ? `${word}, ${under.word}` : word}`);
  panel.said = said;
}

// Rows stay where they are while somebody is about to take one; what ended meanwhile is shown in its place.
function showWork(panel, here, jobs, site, model, now) {
  const held = isInUse(here.work) ? panel.rows : [];
  const kept = held.map((job) => model.open.get(job.ulid) || latest(model, job));
  const known = new Set(kept.map((job) => job.ulid));
  const rows = [...kept, ...jobs.filter((job) => !known.has(job.ulid))].slice(0, WORK_SHOWN);
  panel.rows = rows;
  const elements = keyed(here.work, rows.map((job) => job.ulid), () => workRow());
  const zone = zoneOf(model.around, site.site);
  rows.forEach((job, at) => showJob(elements[at], job, site, now, zone));
  show(here.work, rows.length);
  showMore(here, jobs.length - rows.length, site);
}

const latest = (model, job) => model.events.find((change) => change.job.ulid === job.ulid)?.job || job;

function showMore(here, count, site) {
  show(here.more, count > 0);
  if (count <= 0) return;
  setAttr(here.more, "href", jobsRoute(`site:${site.site} status:waiting,picked_up,running age:<24h`));
  setText(here.more, `${count} more under way or waiting`);
}

function showOld(here, count, site) {
  show(here.old, count);
  if (!count) return;
  setAttr(here.old, "href", jobsRoute(`site:${site.site} status:picked_up age:<24h`));
  const jobs = count === 1 ? "1 older job was" : `${count} older jobs were`;
  setText(here.old, `${jobs} picked up and never reported on`);
}

function workRow() {
  const row = clone("t-work");
  row.addEventListener("click", (event) => openRow(event, row));
  return row;
}

// The whole row opens the job; a click on the link itself, or one that ends a text selection, is left alone.
export function openRow(event, row) {
  if (event.defaultPrevented || event.target.closest("a, button") || String(getSelection())) return;
  parts(row).link.click();
}

function showJob(row, job, site, now, zone) {
  const here = parts(row);
  const reports = siteReports(site, job.device);
  setAttr(row, "data-phase", phaseOf(job));
  setGlyph(here.glyph, phaseOf(job));
  setText(here.status, statusWord(job.status));
  setTip(here.status.parentElement, statusMeaning(job));
  setText(here.label, jobLabel(job));
  setAttr(here.link, "href", jobRoute(job.ulid));
  setText(here.user, userName(job));
  setText(here.device, deviceName(job));
  setText(here.left, timeWords(job, now));
  setMeter(here.meter, progress(job, now));
  const since = stuck(job, now, reports) === "unreported" ? "" : sinceWords(job, now);
  setText(here.since, [since, job.note && besides(job.note)].filter(Boolean).join(" · "));
  setTip(here.since, `Sent ${bothTimes(job.created_ms, zone)}`);
  show(here.stuckBox, stuck(job, now, reports));
  setText(here.stuck, stuckWords(job, now, reports));
}

function showEvents(here, model, { site, many, now }) {
  const held = isInUse(here.events) && here.events.childElementCount > 0;
  const own = site ? model.events.filter((event) => event.job.site === site) : model.events;
  show(here.eventsBox, own.length);
  setText(here.eventsTitle, held ? "Last events · standing still while you point at them" : "Last events");
  if (held) return;
  const events = own.slice(0, EVENTS_SHOWN);
  const rows = keyed(here.events, events.map((event) => event.seq), () => eventRow());
  events.forEach((event, at) => showEvent(rows[at], event, many, now, zoneOf(model.around, event.job.site)));
}

function eventRow() {
  const row = clone("t-event");
  row.addEventListener("click", (event) => openRow(event, row));
  return row;
}

function showEvent(row, event, many, now, zone) {
  const here = parts(row);
  setAttr(row, "data-phase", phaseOf(event));
  setText(here.time, dayOrClock(event.time_ms, now));
  setTip(here.time, bothTimes(event.time_ms, zone));
  setGlyph(here.glyph, eventWord(event) === "sent" ? "sent" : phaseOf(event));
  setText(here.status, eventWord(event));
  setText(here.label, jobLabel(event.job));
  setAttr(here.link, "href", jobRoute(event.job.ulid));
  setText(here.site, many ? event.job.site : "");
  setText(here.queue, event.queue === "alternate" ? "alternate queue" : "");
  setText(here.who, [actorName(event, event.job), event.note].filter(Boolean).join(" · "));
  setTip(here.who, actorTip(event, event.job));
}

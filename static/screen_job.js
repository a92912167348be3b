// The screen Job: one job with its timeline, parameters, every change with time and sender, and what its
// hand-outs mean. What can be done with it is in job_acts.js.

import { clone, keyed, parts, setAttr, setGlyph, setMeter, setText, setTip, show } from "./dom.js";
import { JobActs } from "./job_acts.js";
import { NoteList } from "./notes.js";
import { jobRoute, jobsRoute } from "./route.js";
import { zoneOf } from "./sky.js";
import { phaseOf, progress } from "./state.js";
import { bothTimes, localClock, showsUtc, utcClock, zoneName } from "./time.js";
import { alternateDiffers, cautions, expectedEnd, growingGap, steps } from "./timeline.js";
import {
  actorName, actorTip, besides, deviceName, estimateWords, eventWord, handoutWord, jobLabel, sinceWords, statusMeaning,
  statusWord, userName,
} from "./words.js";

// Whether a hand-out arrived is not a change of the job: while that is open, ask again.
const OPEN_HANDOUT_EVERY_MS = 5000;

// The list of notes inside has parts of the same names; these are the screen's own.
function jobPartsOf(root) {
  const own = (element) => !element.closest("[data-notes]");
  return Object.fromEntries([...root.querySelectorAll("[data-part]")].filter(own).map((at) => [at.dataset.part, at]));
}

export class JobScreen {
  constructor({ root, model, clock, api, go }) {
    Object.assign(this, { root, model, clock, api, here: jobPartsOf(root), job: null, ulid: null, asked: 0, heard: 0 });
    this.notes = new NoteList({ root: root.querySelector("[data-notes]"), model, clock, api });
    const mine = { job: () => this.job, isSeen: () => this.visible, load: () => this.load() };
    this.acts = new JobActs({ here: this.here, model, api, go, ...mine });
  }

  show({ ulid }, cameFrom) {
    this.visible = true;
    setAttr(this.here.back, "href", cameFrom || jobsRoute("", null));
    setText(this.here.back, cameFrom && !cameFrom.startsWith("#/jobs") ? "‹ Now" : "‹ Jobs");
    if (ulid !== this.ulid) this.forget();
    this.ulid = ulid;
    this.load();
  }

  site() {
    return this.job?.site;
  }

  hide() {
    this.visible = false;
    this.acts.disarm();
  }

  forget() {
    this.job = null;
    this.acts.forget();
    show(this.here.job, false);
    setText(this.here.foot, "Loading…");
    setText(this.here.problem, "");
  }

  // Answers may overtake each other: one that was asked for before the last that counted is passed over.
  async load() {
    const [ulid, number] = [this.ulid, this.asked + 1];
    Object.assign(this, { asked: number, asking: true });
    const job = await this.api.get(`jobs/${encodeURIComponent(ulid)}`).catch((error) => ({ error }));
    if (number === this.asked) Object.assign(this, { asking: false, askedAt: this.clock.monotonic() });
    if (ulid !== this.ulid || number < this.heard) return;
    this.heard = number;
    if (job.error) this.failed(job.error);
    else this.take(job);
  }

  take(job) {
    Object.assign(this, { job, missed: false });
    setText(this.here.foot, "");
    show(this.here.job, true);
    this.draw();
    if (this.titleWanted) this.focusTitle();
  }

  // The title can take the focus only once the job is here.
  focusTitle() {
    this.titleWanted = this.here.job.hidden;
    this.root.querySelector("h1").focus({ preventScroll: true });
  }

  failed(error) {
    this.missed = error.status !== 404;
    const words = error.status === 404 ? `There is no job ${this.ulid}.` : `The job could not be loaded. ${error.message}`;
    setText(this.here.foot, words);
    show(this.here.job, error.status !== 404 && this.job);
  }

  changed(changes) {
    if (this.visible && changes.some((change) => change.job?.ulid === this.ulid)) this.load();
  }

  reload() {
    if (this.visible) this.load();
  }

  update() {
    if (this.visible && this.missed && !this.asking) this.load();
    else if (this.visible && this.job) this.draw();
  }

  tick() {
    if (!this.job) return;
    this.drawTime();
    this.notes.look({ site: this.job.site, job: this.job });
    const open = this.job.timeline.some((entry) => entry.handout?.state === "OPEN");
    if (open && !this.asking && this.clock.monotonic() - this.askedAt > OPEN_HANDOUT_EVERY_MS) this.load();
  }

  // ---- drawing

  draw() {
    const { here, job } = this;
    setAttr(here.job, "data-phase", phaseOf(job));
    setGlyph(here.glyph, phaseOf(job));
    setText(here.status, statusWord(job.status));
    setText(here.title, jobLabel(job));
    setText(here.sub, `${besides(job.site)} · ${deviceName(job)}`);
    setText(here.user, userName(job));
    setText(here.note, besides(job.note || ""));
    show(here.note, job.note);
    this.acts.draw();
    setText(here.raw, JSON.stringify(job, null, 2));
    setText(here.required, JSON.stringify(job.required_params, null, 2));
    setText(here.optional, JSON.stringify(job.optional_params, null, 2));
    this.drawTracks();
    this.drawCautions();
    this.drawFacts();
    this.drawChanges();
    this.drawTime();
    this.notes.look({ site: job.site, job });
  }

  drawTracks() {
    const { here, job } = this;
    const differs = alternateDiffers(job);
    const now = this.clock.now();
    this.marks = steps(job, "primary", now);
    drawTrack(here.track, this.marks);
    show(here.primaryName, differs);
    show(here.alternateBox, differs);
    if (differs) drawTrack(here.alternateTrack, steps(job, "alternate", now));
  }

  drawTime() {
    const { here, job } = this;
    const now = this.clock.now();
    setMeter(here.meter, progress(job, now));
    setText(here.time, `${statusMeaning(job)} ${timeSentence(job, now)}`);
    if (this.marks.at(-1)?.next) setText(parts(here.track.lastElementChild).gap, growingGap(this.marks, now));
  }

  drawCautions() {
    const sentences = cautions(this.job);
    show(this.here.cautions, sentences.length);
    keyed(this.here.cautions, sentences, (text) => { const line = clone("t-line"); setText(line, text); return line; });
  }

  drawFacts() {
    const facts = factsOf(this.job, this.zone());
    const rows = keyed(this.here.facts, facts.map(([name]) => name), () => clone("t-fact"));
    facts.forEach(([name, value, href], at) => drawFact(parts(rows[at]), name, value, href));
  }

  drawChanges() {
    const entries = this.job.timeline;
    const zone = this.zone();
    setText(this.here.localName, zone ? "At the site" : "Local");
    setAttr(this.here.changesTable, "data-one-clock", entries.every((entry) => showsUtc(entry.time_ms, zone)) ? "yes" : null);
    const rows = keyed(this.here.changes, entries.map((entry) => entry.seq), () => clone("t-change"));
    entries.forEach((entry, at) => drawChange(parts(rows[at]), entry, this.job, zone));
  }

  zone() {
    return zoneOf(this.model.around, this.job.site);
  }
}

function timeSentence(job, now) {
  const since = sinceWords(job, now);
  const end = expectedEnd(job, now);
  return `${since[0].toUpperCase()}${since.slice(1)}${end ? ` (${end})` : ""}.`;
}

function drawTrack(track, marks) {
  const rows = keyed(track, marks.map((mark) => mark.key), () => clone("t-step"));
  marks.forEach((mark, at) => {
    const here = parts(rows[at]);
    setAttr(rows[at], "data-phase", mark.phase);
    setAttr(rows[at], "data-next", mark.next ? "yes" : null);
    setGlyph(here.glyph, mark.glyph);
    if (!mark.next) setText(here.gap, mark.gap);
    setText(here.word, mark.word);
    setText(here.time, mark.time);
    setText(here.note, mark.note);
  });
}

function factsOf(job, zone) {
  const facts = [
    ["Sent", bothTimes(job.created_ms, zone)], ["Last change", bothTimes(job.changed_ms, zone)],
    ["Site", job.site], ["Device", deviceName(job)], ["Action", job.action], ["Kind", job.command_class],
    ["For", job.user_name], ["User", job.user_id], ["Roles", (job.user_roles || []).join(", ") || "none"],
    ["Expires", job.expires_ms ? bothTimes(job.expires_ms, zone) : "never"], ["ULID", job.ulid],
  ];
  if (job.again_of) facts.push(["Repeats", job.again_of, jobRoute(job.again_of)]);
  if (job.alternate_status) facts.push(["Alternate queue", alternateWords(job)]);
  return facts;
}

function alternateWords(job) {
  return [statusWord(job.alternate_status), estimateWords(job.alternate_estimate_s)].filter(Boolean).join(", ");
}

function drawFact(here, name, value, href) {
  setText(here.name, name);
  if (!href) { setText(here.value, value || "–"); return; }
  if (!here.value.firstElementChild) here.value.replaceChildren(document.createElement("a"));
  setAttr(here.value.firstElementChild, "href", href);
  setText(here.value.firstElementChild, value);
}

function drawChange(here, entry, job, zone) {
  setAttr(here.row, "data-phase", phaseOf(entry));
  setText(here.utc, utcClock(entry.time_ms));
  setText(here.local, `${localClock(entry.time_ms, zone)} ${zoneName(entry.time_ms, zone)}`);
  setText(here.queue, entry.queue);
  setGlyph(here.glyph, eventWord(entry) === "sent" ? "sent" : phaseOf(entry));
  setText(here.status, eventWord(entry));
  setText(here.estimate, phaseOf(entry) === "running" ? estimateWords(entry.estimate_s) : "");
  setText(here.who, actorName(entry, job));
  setTip(here.who, actorTip(entry, job));
  setText(here.note, [entry.note, handoutNote(entry.handout)].filter(Boolean).join(" · "));
  setTip(here.note, entry.handout?.peer ? `Address ${entry.handout.peer}` : "");
}

function handoutNote(handout) {
  if (!handout) return "";
  return `hand-out ${handout.id} to the observatory: ${handoutWord(handout)}`;
}

// The notes of observers, on the screens Site and Job: who wrote what and when, a form for who may write, and a button
// that strikes a note out. A note is never changed. What is written is text: it has no links and no markup.

import { armed } from "./arming.js";
import { clone, keyed, parts, setAttr, setProblem, setText, setTip, show } from "./dom.js";
import { drawChips, makeChip } from "./fields.js";
import { mayNote, mayStrike } from "./model.js";
import { nightOf, nightTitle, stepNight } from "./night.js";
import { jobRoute } from "./route.js";
import { zoneOf } from "./sky.js";
import { bothTimes, MINUTE, utcClock, utcDate } from "./time.js";
import { besides } from "./words.js";

const SHOWN = 20;
const [TONIGHT, LAST_NIGHT, SITE] = ["tonight", "last night", "the site"];
const ABOUTS = [TONIGHT, LAST_NIGHT, SITE];

export class NoteList {
  constructor({ root, model, clock, api }) {
    Object.assign(this, { root, here: parts(root), model, clock, api, notes: [], about: TONIGHT, key: "", askedAt: null, asked: 0, heard: 0 });
    this.here.form.addEventListener("submit", (event) => { event.preventDefault(); this.write(); });
    const choose = (about) => { this.about = about; this.drawForm(); };
    this.chips = this.here.abouts ? ABOUTS.map((about) => makeChip(about, choose)) : [];
    this.here.abouts?.replaceChildren(...this.chips);
    for (const chip of this.chips) chip.type = "button";
  }

  // Called whenever the screen is drawn: the notes of this site, or of this job, asked for again once a minute.
  look({ site, job = null }) {
    const key = job ? job.ulid : site;
    if (key !== this.key) this.forget(key);
    Object.assign(this, { site, job });
    const due = this.askedAt === null || this.clock.monotonic() - this.askedAt > MINUTE;
    if (due && !this.asking) this.load();
    this.draw();
  }

  forget(key) {
    Object.assign(this, { key, notes: [], askedAt: null, asking: false });
    this.here.text.value = "";
    setText(this.here.problem, "");
  }

  // Answers may overtake each other: one that was asked for before the last that counted is passed over.
  async load() {
    const [{ key, job, site }, number] = [this, this.asked + 1];
    Object.assign(this, { asked: number, asking: true, askedAt: this.clock.monotonic() });
    const params = job ? { ulid: job.ulid } : { site, limit: SHOWN };
    const { notes } = await this.api.get("notes", params).catch(() => ({}));
    if (key !== this.key || number < this.heard) return;
    Object.assign(this, { heard: number, asking: number < this.asked });
    if (notes) this.notes = notes;
    this.draw();
  }

  body() {
    const { job, site } = this;
    const text = this.here.text.value.trim();
    if (job) return { site, text, about: "job", ulid: job.ulid };
    if (this.about === SITE) return { site, text, about: "site" };
    return { site, text, about: "night", date: this.night(this.about === LAST_NIGHT ? -1 : 0) };
  }

  night(days) {
    return stepNight(nightOf(this.clock.now(), zoneOf(this.model.around, this.site)), days);
  }

  async write() {
    const { key, here } = this;
    const body = this.body();
    setText(here.problem, body.text ? "" : "Not written: the note is empty.");
    if (!body.text || here.write.disabled) return;
    here.write.disabled = true;
    try {
      await this.api.post("notes", body);
      // What somebody types while the note is on its way stays.
      if (key === this.key && here.text.value.trim() === body.text) here.text.value = "";
      await this.load();
    } catch (error) {
      if (key === this.key) setProblem(here.problem, `Not written. ${error.message}`, error);
    }
    here.write.disabled = false;
  }

  async strike(id, row) {
    setText(row.problem, "");
    try {
      await this.api.post(`notes/${id}/strike`, {});
      await this.load();
    } catch (error) {
      setProblem(row.problem, error.message, error);
    }
  }

  draw() {
    const { here, notes, model } = this;
    const rows = keyed(here.list, notes.map((note) => note.id), (id) => this.makeRow(id));
    const zone = zoneOf(model.around, this.site);
    notes.forEach((note, at) => drawNote(parts(rows[at]), note, { zone, isOfJob: Boolean(this.job), user: model.user }));
    if (this.job) show(here.title, notes.length);
    else setText(here.words, this.words());
    this.drawForm();
  }

  words() {
    if (!this.model.user) return `${this.notes.length ? "" : "No notes yet. "}Log in to write a note: it carries the name of its author.`;
    return this.notes.length ? "" : "No notes yet.";
  }

  drawForm() {
    drawChips(this.chips, ABOUTS, this.about);
    show(this.here.form, mayNote(this.model.user, this.site, this.job));
  }

  makeRow(id) {
    const row = clone("t-note");
    armed(parts(row).strike, { words: "Strike out", again: "Click again to strike it out", act: () => this.strike(id, parts(row)) });
    return row;
  }
}

function drawNote(here, note, { zone, isOfJob, user }) {
  setAttr(here.row, "data-struck", note.struck_ms ? "yes" : null);
  setText(here.text, note.text);
  setText(here.author, besides(note.author));
  setText(here.time, `${utcDate(note.time_ms)} ${utcClock(note.time_ms).slice(0, 5)} UTC`);
  setTip(here.time, bothTimes(note.time_ms, zone));
  drawAbout(here.about, note, isOfJob);
  const struck = note.struck_ms && `${utcDate(note.struck_ms)} ${utcClock(note.struck_ms).slice(0, 5)} UTC`;
  setText(here.struck, struck ? ` · struck out by ${besides(note.struck_by)}, ${struck}` : "");
  show(here.strike, !note.struck_ms && mayStrike(user, note));
}

function drawAbout(here, note, isOfJob) {
  if (note.about !== "job" || isOfJob) {
    setText(here, { job: "this job", site: "the site" }[note.about] || `night ${nightTitle(note.date)}`);
    return;
  }
  if (!here.firstElementChild) here.replaceChildren(document.createElement("a"));
  setAttr(here.firstElementChild, "href", jobRoute(note.ulid));
  setText(here.firstElementChild, besides(note.label));
}

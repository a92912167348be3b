// The table of the job list. Only the rows in view exist in the DOM; rows are kept by their ulid and changed in
// place, so a list of a hundred thousand jobs scrolls like one of fifty.

import { clone, keyed, parts, setAttr, setGlyph, setMeter, setText, setTip } from "./dom.js";
import { visibleRows } from "./list.js";
import { jobRoute } from "./route.js";
import { zoneOf } from "./sky.js";
import { phaseOf, progress, startOf } from "./state.js";
import { bothTimes, utcClock, utcDate } from "./time.js";
import {
  besides, deviceName, jobLabel, statusMeaning, statusWord, timeWords, tookWords, userName, waitedWords,
} from "./words.js";
import { openRow } from "./screen_now.js";

const NOTHING = "–";
const GUESSED_HEIGHT = 38;
// The heading is row 1 for those who count rows.
const FIRST_ROW = 2;
// A quick scroll passes many rows while the next page of them is on its way.
const FETCH_BEFORE = 500;
// A label of more letters may not have room in its two lines.
const LONG = 50;

export class JobsTable {
  constructor({ table, above, rows, below, nearEnd, clock, around }) {
    Object.assign(this, { table, above, rows, below, nearEnd, clock, around });
    this.list = null;
    // Whether the jobs are of several days: a time alone would not say which.
    this.dated = false;
    this.height = GUESSED_HEIGHT;
    this.pointerInside = false;
    rows.addEventListener("pointerenter", (event) => { this.pointerInside = event.pointerType === "mouse"; });
    rows.addEventListener("pointerleave", () => { this.pointerInside = false; });
  }

  // Somebody is about to click, reads further down or walks the rows with the keyboard.
  inUse() {
    return this.pointerInside || this.scrolled() || this.rows.contains(document.activeElement);
  }

  scrolled() {
    return this.table.getBoundingClientRect().top < this.stripHeight() - this.height;
  }

  stripHeight() {
    return document.querySelector("[data-strip]").offsetHeight;
  }

  render(list = this.list) {
    this.list = list;
    if (!list) return;
    setAttr(this.table, "data-dated", this.dated ? "yes" : null);
    const window = this.window();
    const ulids = list.order.slice(window.from, window.to);
    const elements = keyed(this.rows, ulids, (ulid) => this.makeRow(ulid));
    const now = this.clock.now();
    elements.forEach((row, at) => this.showRow(row, ulids[at], window.from + at, now));
    this.pad(window);
    this.measure(elements[0]);
    if (list.order.length - window.to < FETCH_BEFORE) this.nearEnd();
  }

  window() {
    const top = this.above.getBoundingClientRect().top;
    const above = Math.max(0, this.stripHeight() - top);
    return visibleRows({ above, view: innerHeight, rowHeight: this.height, count: this.list.order.length });
  }

  // Empty space in place of the rows that do not exist, so that the scroll bar tells the truth.
  pad({ from, to }) {
    setAttr(this.table, "aria-rowcount", this.list.complete ? this.list.order.length + 1 : -1);
    this.above.style.setProperty("--rows-px", `${from * this.height}px`);
    this.below.style.setProperty("--rows-px", `${(this.list.order.length - to) * this.height}px`);
  }

  measure(row) {
    if (!row || !row.offsetHeight || row.offsetHeight === this.height) return;
    this.height = row.offsetHeight;
    this.render();
  }

  makeRow(ulid) {
    const row = clone("t-job-row");
    setAttr(parts(row).link, "href", jobRoute(ulid));
    row.addEventListener("click", (event) => openRow(event, row));
    return row;
  }

  showRow(row, ulid, at, now) {
    setAttr(row, "aria-rowindex", at + FIRST_ROW);
    setAttr(row, "data-leaving", this.list.leaving.has(ulid) ? "yes" : null);
    setAttr(row, "data-odd", at % 2 ? "yes" : null);
    const job = this.list.jobs.get(ulid);
    setText(parts(row).sent, `${this.dated ? `${utcDate(job.created_ms)} ` : ""}${utcClock(job.created_ms)}`);
    showJob(parts(row), job, now, zoneOf(this.around, job.site));
  }

  focusRow(ulid) {
    const link = this.rows.querySelector(`a[href="${CSS.escape(jobRoute(ulid))}"]`);
    link?.focus({ preventScroll: true });
    return Boolean(link);
  }
}

function showJob(here, job, now, zone) {
  setAttr(here.row, "data-phase", phaseOf(job));
  setTip(here.sent, bothTimes(job.created_ms, zone));
  setGlyph(here.glyph, phaseOf(job));
  setText(here.status, statusWord(job.status));
  setTip(here.status, statusMeaning(job));
  setText(here.note, besides(job.note || ""));
  setTip(here.note, job.note);
  setText(here.site, job.site);
  setText(here.device, deviceName(job));
  setText(here.label, jobLabel(job));
  setTip(here.lines, jobLabel(job).length > LONG ? jobLabel(job) : "");
  setText(here.user, userName(job));
  setMeter(here.meter, progress(job, now));
  showLength(here.waited, waitedWords(job, now));
  setTip(here.waited, job.picked_up_ms == null ? "" : `Picked up ${bothTimes(job.picked_up_ms, zone)}`);
  showLength(here.took, tookWords(job, now));
  setTip(here.took, tookTip(job, now, zone));
}

// Nothing to say leaves its room to the rest on a phone.
function showLength(element, words) {
  setText(element, words);
  setAttr(element.parentElement, "data-none", words === NOTHING ? "yes" : null);
}

function tookTip(job, now, zone) {
  if (job.ended_ms != null) return `Ended ${bothTimes(job.ended_ms, zone)}`;
  if (phaseOf(job) !== "running") return "";
  return `Began ${bothTimes(startOf(job), zone)} · ${progress(job, now) ? timeWords(job, now) : "no estimate"}`;
}

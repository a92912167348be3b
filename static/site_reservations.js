// Reservations on the screen Site: who has the site now and who is next, all that are known, and for staff a form
// to add one and a button to remove one.

import { reservationsDoubt } from "./around.js";
import { armed } from "./arming.js";
import { clone, keyed, parts, setAttr, setProblem, setText, setTip, show } from "./dom.js";
import { isStaff } from "./model.js";
import { holderName, lengthWords, readReservation, reservationWords } from "./reserve.js";
import { reservationsOf } from "./site_cards.js";
import { zoneOf } from "./sky.js";
import { SmallForm } from "./small_form.js";
import { bothTimes } from "./time.js";

const FIELDS = [
  { name: "user", label: "user id", kind: "text", required: true, example: "auth0|ann" },
  { name: "name", label: "name", kind: "text", example: "Ann K." },
  { name: "start", label: "start, UTC", kind: "text", example: "now, 06:00 or 2026-11-24 06:00" },
  { name: "hours", label: "hours", kind: "number", required: true, example: "1.5" },
  { name: "title", label: "title", kind: "text", example: "M31 in B" },
];

const NOT_USED = "Reservations are not used here: whoever has a token may command.";
const [RESERVE, ANYWAY] = ["Reserve", "Reserve anyway"];

export class ReservationList {
  constructor({ root, model, clock, api, around }) {
    Object.assign(this, { root, here: parts(root), model, clock, api, around, site: "" });
    const read = (typed) => readReservation(typed, this.site, clock.now());
    this.form = new SmallForm({ form: this.here.form, fields: FIELDS, read, send: (body) => this.add(body) });
    this.here.form.addEventListener("input", () => this.force(false));
    this.force(false);
  }

  // The next request is also taken for a user or a site that the server does not know; whatever is typed ends that.
  force(on) {
    this.forced = on;
    setText(this.here.submit, on ? ANYWAY : RESERVE);
  }

  async add(body) {
    setText(this.here.notes, "");
    try {
      const { notes, ...added } = await this.api.post("reservations", { ...body, force: this.forced });
      setText(this.here.notes, notes.join(" "));
      this.model.around.reservations.push(added);
      this.force(false);
    } catch (error) {
      this.force(error.code === "unknown_name");
      throw error;
    }
    this.changed();
  }

  async remove(reservation, here) {
    setText(here.problem, "");
    try {
      await this.api.remove(`reservations/${reservation.id}`);
      const { around } = this.model;
      around.reservations = around.reservations.filter((one) => one.id !== reservation.id);
      this.changed();
    } catch (error) {
      setProblem(here.problem, error.message, error);
    }
  }

  changed() {
    this.around.forget("reservations");
    this.draw(this.site);
  }

  draw(site) {
    this.site = site;
    const { here, model } = this;
    const now = this.clock.now();
    setText(here.words, this.words(now));
    const own = model.around.reservations
      .filter((one) => one.site === site && one.end_ms > now).sort((a, b) => a.start_ms - b.start_ms);
    const rows = keyed(here.list, own.map((one) => one.id), (id) => this.makeRow(id));
    own.forEach((one, at) => drawRow(parts(rows[at]), one, isStaff(model.user), zoneOf(model.around, site)));
    show(here.form, isStaff(model.user));
  }

  words(now) {
    const { around } = this.model;
    const asked = around.reservationsAsked.asOfMs !== null;
    const words = reservationWords(around, reservationsOf(around, this.site, now), now);
    const known = (words.length && around.mode !== "none") || !asked ? words : [...words, NOT_USED];
    return [...known, reservationsDoubt(around, now)].filter(Boolean).join(" · ");
  }

  makeRow(id) {
    const row = clone("t-reservation");
    const find = () => this.model.around.reservations.find((one) => one.id === id);
    const act = () => this.remove(find(), parts(row));
    armed(parts(row).remove, { words: "Remove", again: "Click again to remove it", act });
    return row;
  }
}

function drawRow(here, one, mayRemove, zone) {
  setText(here.when, lengthWords(one));
  setTip(here.when, `${bothTimes(one.start_ms, zone)} until ${bothTimes(one.end_ms, zone)}`);
  setText(here.who, [holderName(one), one.title].filter(Boolean).join(" · "));
  const made = one.source === "local" ? `made here by ${one.created_by}` : "of the calendar";
  setText(here.source, one.counts ? made : `${made} · does not count now`);
  setAttr(here.row, "data-counts", one.counts ? null : "no");
  show(here.remove, mayRemove && one.source === "local");
}

// The locks of a site on the screen Site: LOCKED OUT in large letters with every lock, a form to lock the site before
// somebody goes into the dome, and for each lock an hour more and its end.

import { armed } from "./arming.js";
import { clone, keyed, parts, setAttr, setProblem, setText, show } from "./dom.js";
import { LOCKED_OUT, locksHolding, lockWords, madeWords, readLock } from "./locks.js";
import { isStaff, mayUnlock } from "./model.js";
import { SmallForm } from "./small_form.js";
import { HOUR } from "./time.js";

const STOP = { value: "stop", label: "send a stop as well", help: "for all devices, together with the lock" };
const FIELDS = [
  { name: "name", label: "who goes in", kind: "text", example: "Ann K." },
  { name: "reason", label: "reason", kind: "text", required: true, example: "mirror cleaning" },
  { name: "hours", label: "hours", kind: "number", example: "2", help: "empty: until unlocked" },
  { name: "stop", label: "what moves now", kind: "checks", options: [STOP], start: "stop" },
];

export class LockList {
  // `told()`: the locks are others now.
  constructor({ root, model, clock, api, told }) {
    Object.assign(this, { root, here: parts(root), model, clock, api, told, site: "" });
    const read = (typed) => readLock(model.user ? typed : { ...typed, stop: "" }, { site: this.site, user: model.user }, clock.now());
    this.form = new SmallForm({ form: this.here.form, fields: FIELDS, read, send: (body) => this.lock(body) });
  }

  async lock(body) {
    setText(this.here.notes, "");
    const made = await this.api.post("lock", body);
    setText(this.here.notes, madeWords(made).join(" "));
    this.told();
  }

  async change(lock, row, ask) {
    setText(row.problem, "");
    try {
      await ask({ name: row.name.value.trim() || undefined });
      this.told();
    } catch (error) {
      setProblem(row.problem, error.message, error);
    }
  }

  draw(site) {
    if (site !== this.site) setText(this.here.notes, "");
    this.site = site;
    const { here, model } = this;
    const now = this.clock.now();
    const locks = locksHolding(model.locks, site);
    setAttr(this.root, "data-locked", locks.length ? "yes" : null);
    setText(here.word, locks.length ? LOCKED_OUT : "");
    setText(here.words, locks.length ? "Only stops are taken and handed out until every lock has ended."
      : "Not locked. Lock the site before somebody goes into the dome, and switch the power of mount and dome off.");
    const rows = keyed(here.list, locks.map((lock) => lock.id), (id) => this.makeRow(id));
    locks.forEach((lock, at) => drawRow(parts(rows[at]), lock, { site, now, user: model.user }));
    show(here.form, model.user ? isStaff(model.user) : model.loaded);
    this.form.offer("stop", model.user ? [STOP] : []);
  }

  makeRow(id) {
    const row = clone("t-lock");
    const here = parts(row);
    const find = () => this.model.locks.find((lock) => lock.id === id);
    const end = () => this.change(find(), here, (body) => this.api.remove(`lock/${id}`, body));
    armed(here.unlock, { words: "Unlock", again: "Is everybody out? Click again to unlock", act: end });
    here.longer.addEventListener("click", () => {
      const until_ms = Math.max(find().until_ms, this.clock.now()) + HOUR;
      this.change(find(), here, (body) => this.api.post(`lock/${id}`, { ...body, until_ms }));
    });
    return row;
  }
}

function drawRow(here, lock, { site, now, user }) {
  setText(here.what, lockWords(lock, now, site));
  const may = mayUnlock(user, lock);
  show(here.unlock, may);
  show(here.longer, may && lock.until_ms != null);
  show(here.nameBox, may && !user);
  setText(here.whose, may ? "" : "Only this person or an administrator ends the lock.");
}

// Tokens on the screen Site, for administrators: who has one, what for and until when; make one, which is shown
// once and never again; revoke one.

import { armed } from "./arming.js";
import { clone, keyed, parts, setProblem, setText, setTip, show } from "./dom.js";
import { MadeSecret } from "./made_secret.js";
import { isAdmin, siteNames } from "./model.js";
import { readToken } from "./reserve.js";
import { SmallForm } from "./small_form.js";
import { bothTimes, utcDate } from "./time.js";

const ROLES = [
  { value: "admin", label: "admin", help: "everything: tokens and settings, and commands in anybody's name" },
  { value: "owner", label: "owner", help: "staff: stops, closes and cancels any job, may send every class of command" },
  { value: "observatory", label: "observatory", help: "a site's program: fetches jobs and reports on them, sends none" },
  { value: "viewer", label: "viewer", help: "only looks, such as a wall display" },
];

const FIELDS = [
  { name: "user", label: "user id", kind: "text", required: true, example: "auth0|ann" },
  { name: "name", label: "name", kind: "text", example: "Ann K." },
  { name: "days", label: "days", kind: "number", required: true, start: "365" },
  { name: "roles", label: "roles", kind: "checks", options: ROLES, help: "none: an ordinary user, who sends commands in his own name" },
  { name: "sites", label: "sites", kind: "checks", help: "none, here and below: all sites" },
  { name: "others", label: "other sites", kind: "text", example: "mrc1 mrc2", help: "sites that are not known here yet" },
];

export const siteOptions = (sites) => sites.map((site) => ({ value: site, label: site, help: "" }));

export class TokenList {
  constructor({ root, model, clock, api }) {
    Object.assign(this, { root, here: parts(root), model, clock, api, tokens: null, asked: 0, heard: 0, missed: false });
    this.secret = new MadeSecret({ root: root.querySelector("[data-made]"), copyWords: "Copy the token" });
    this.form = new SmallForm({ form: this.here.form, fields: FIELDS, read: readToken, send: (body) => this.make(body) });
  }

  // Answers may overtake each other: one that was asked for before the last that counted is passed over.
  async load() {
    if (!isAdmin(this.model.user)) return;
    const number = this.asked + 1;
    this.asked = number;
    const answer = await this.api.get("tokens").catch((error) => ({ error }));
    if (number < this.heard) return;
    this.heard = number;
    this.take(answer);
    this.draw();
  }

  // What is wrong with the form stands in the same place, and stays.
  take({ tokens, error }) {
    if (error) setProblem(this.here.problem, error.message, error);
    else if (this.missed) setText(this.here.problem, "");
    this.missed = Boolean(error);
    if (tokens) this.tokens = tokens;
  }

  async make(body) {
    const { token, info } = await this.api.post("tokens", body);
    this.secret.show(token, `The token for ${info.user_name}. It is shown this once: copy it now.`);
    // Not waited for: the form is empty when the token is shown, and the next one may be typed.
    this.load();
  }

  hideMade() {
    this.secret.hide();
  }

  async revoke(id) {
    try {
      await this.api.remove(`tokens/${encodeURIComponent(id)}`);
    } catch (error) {
      setProblem(this.here.problem, `Not revoked. ${error.message}`, error);
      return;
    }
    await this.load();
  }

  draw() {
    const admin = isAdmin(this.model.user);
    show(this.root, admin);
    if (!admin) { this.tokens = null; this.hideMade(); return; }
    this.form.offer("sites", siteOptions(siteNames(this.model)));
    if (!this.tokens) { if (!this.asked) this.load(); return; }
    const now = this.clock.now();
    const alive = this.tokens.filter((one) => one.revoked_ms == null && one.expires_ms > now).reverse();
    const rows = keyed(this.here.list, alive.map((one) => one.id), (id) => this.makeRow(id));
    alive.forEach((one, at) => drawRow(parts(rows[at]), one));
    const gone = this.tokens.length - alive.length;
    setText(this.here.gone, gone ? `${gone} revoked or expired` : "");
  }

  makeRow(id) {
    const row = clone("t-token");
    armed(parts(row).revoke, { words: "Revoke", again: "Click again to revoke it", act: () => this.revoke(id) });
    return row;
  }
}

function drawRow(here, one) {
  setText(here.who, one.user_name === one.user_id ? one.user_id : `${one.user_name} (${one.user_id})`);
  const where = one.sites.length ? `for ${one.sites.join(", ")}` : "all sites";
  setText(here.what, `${one.roles.join(", ") || "user"} · ${where}`);
  setText(here.until, `until ${utcDate(one.expires_ms)}`);
  setTip(here.until, `made ${bothTimes(one.created_ms)} by ${one.created_by}`);
}

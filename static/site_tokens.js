// Tokens on the screen Site, for administrators: who has one, what for and until when; make one, which is shown
// once and never again; revoke one.

import { armed } from "./arming.js";
import { announce, clone, keyed, parts, setText, setTip, show } from "./dom.js";
import { readToken } from "./reserve.js";
import { SmallForm } from "./small_form.js";
import { bothTimes, utcDate } from "./time.js";

const FIELDS = [
  { name: "user", label: "user id", kind: "text", required: true, example: "auth0|ann" },
  { name: "name", label: "name", kind: "text", example: "Ann K." },
  { name: "role", label: "role", kind: "text", example: "empty, owner, admin, observatory, viewer" },
  { name: "sites", label: "sites", kind: "text", example: "empty: all sites" },
  { name: "days", label: "days", kind: "number", required: true, start: "365" },
];

const isAdmin = (user) => Boolean(user?.roles?.includes("admin"));

export class TokenList {
  constructor({ root, model, clock, api }) {
    Object.assign(this, { root, here: parts(root), model, clock, api, tokens: null });
    this.form = new SmallForm({ form: this.here.form, fields: FIELDS, read: readToken, send: (body) => this.make(body) });
    this.here.copy.addEventListener("click", () => this.copy());
    this.here.forget.addEventListener("click", () => this.hideMade());
  }

  async load() {
    if (!isAdmin(this.model.user)) return;
    try {
      this.tokens = (await this.api.get("tokens")).tokens;
      setText(this.here.problem, "");
    } catch (error) {
      setText(this.here.problem, error.message);
    }
    this.draw();
  }

  async make(body) {
    const { token, info } = await this.api.post("tokens", body);
    setText(this.here.token, token);
    setText(this.here.madeFor, `The token for ${info.user_name}. It is shown this once: copy it now.`);
    show(this.here.made, true);
    this.here.copy.focus();
    await this.load();
  }

  hideMade() {
    setText(this.here.token, "");
    show(this.here.made, false);
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.here.token.textContent);
      setText(this.here.copy, "Copied");
    } catch {
      getSelection().selectAllChildren(this.here.token);
      setText(this.here.copy, "Marked: copy it with the keyboard");
    }
    announce(this.here.copy.textContent);
    setTimeout(() => setText(this.here.copy, "Copy the token"), 3000);
  }

  async revoke(id) {
    try {
      await this.api.remove(`tokens/${encodeURIComponent(id)}`);
    } catch (error) {
      setText(this.here.problem, `Not revoked. ${error.message}`);
      return;
    }
    await this.load();
  }

  draw() {
    const admin = isAdmin(this.model.user);
    show(this.root, admin);
    if (!admin) { this.tokens = null; this.hideMade(); return; }
    if (!this.tokens) { if (!this.asked) { this.asked = true; this.load(); } return; }
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

// Wall displays on the screen Site, for administrators: a link to open on a display, with a token of its own that
// only looks. The token stands in the fragment of the address, which no browser sends to a server.

import { parts, setAttr, show } from "./dom.js";
import { MadeSecret } from "./made_secret.js";
import { isAdmin, siteNames } from "./model.js";
import { readWall } from "./reserve.js";
import { siteOptions } from "./site_tokens.js";
import { SmallForm } from "./small_form.js";

const FIELDS = [
  { name: "name", label: "which display", kind: "text", example: "control room", help: "so that it can be told from the others" },
  { name: "days", label: "days", kind: "number", required: true, start: "365" },
  { name: "sites", label: "sites", kind: "checks", help: "none: all sites" },
];

export class WallLink {
  // `made()`: a token more is there.
  constructor({ root, model, api, made }) {
    Object.assign(this, { root, model, api, made, sites: "" });
    this.secret = new MadeSecret({ root: root.querySelector("[data-made]"), copyWords: "Copy the link" });
    const form = root.querySelector("form");
    this.form = new SmallForm({ form, fields: FIELDS, read: readWall, send: (body) => this.make(body) });
  }

  async make(body) {
    const { token, info } = await this.api.post("tokens", body);
    // The list of tokens has it, whatever becomes of the link.
    this.made();
    const { link, sentence, qr } = await this.api.post("wall", { token, page: new URL("../", import.meta.url).href });
    const words = `Open this link on the display${qr ? ", or let its camera read the code" : ""}. It is shown this once: copy it now. `
      + `To end it, revoke the token “${info.user_name}” in the list of tokens.`;
    this.secret.show(link, [sentence, words].filter(Boolean).join(" "));
    this.drawCode(qr);
  }

  drawCode(qr) {
    const { code, codePath } = parts(this.root);
    setAttr(code, "hidden", qr ? null : "");
    setAttr(code, "viewBox", qr && `0 0 ${qr.size} ${qr.size}`);
    setAttr(codePath, "d", qr?.path);
    // A camera sees the whole code, below the strip and above the STOP button.
    if (qr) code.scrollIntoView({ block: "nearest" });
  }

  hideMade() {
    this.secret.hide();
    this.drawCode(null);
  }

  draw() {
    const admin = isAdmin(this.model.user);
    show(this.root, admin);
    if (!admin) { this.hideMade(); return; }
    this.form.offer("sites", siteOptions(siteNames(this.model)));
  }
}

// The server's notes on the command in the form: odd values, likely misspellings, what the site never had. They
// refuse nothing, and a server that does not answer says nothing here.

import { clone, keyed, setText } from "./dom.js";

const PAUSE_MS = 250;

export class CommandNotes {
  constructor(list, api) {
    Object.assign(this, { list, api, asked: "", timer: 0 });
  }

  // Asks once what is typed rests for a moment.
  about({ site, device, instance, action, required_params, optional_params }) {
    const draft = { site, device, instance, action, required_params, optional_params };
    const asked = JSON.stringify(draft);
    if (asked === this.asked) return;
    this.asked = asked;
    clearTimeout(this.timer);
    if (!site || !device || !action) this.draw([]);
    else this.timer = setTimeout(() => this.ask(asked, draft), PAUSE_MS);
  }

  async ask(asked, draft) {
    const { notes } = await this.api.post("commands/notes", draft).catch(() => ({ notes: [] }));
    // An answer on what stood there before is no note on what stands there now.
    if (asked === this.asked) this.draw(notes);
  }

  draw(notes) {
    keyed(this.list, notes, () => clone("t-line")).forEach((line, at) => setText(line, notes[at]));
  }
}

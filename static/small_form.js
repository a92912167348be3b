// A small form inside a screen, made of fields: what was typed stays when it is refused, and the refusal stands
// under it as a sentence.

import { setText } from "./dom.js";
import { makeField } from "./fields.js";

const ownParts = (form) => Object.fromEntries(
  ["fields", "submit", "problem"].map((name) => [name, form.querySelector(`[data-part="${name}"]`)]),
);

export class SmallForm {
  // `read(typed)` gives {body, problems}; `send(body)` resolves when the server took it.
  constructor({ form, fields, read, send }) {
    Object.assign(this, { form, here: ownParts(form), fields, read, send, typed: {} });
    form.addEventListener("submit", (event) => { event.preventDefault(); this.submit(); });
    this.clear();
  }

  clear() {
    this.typed = Object.fromEntries(this.fields.map((field) => [field.name, field.start || ""]));
    const make = (field) => makeField(field, (text) => { this.typed[field.name] = text; });
    this.here.fields.replaceChildren(...this.fields.map(make));
  }

  async submit() {
    const { body, problems } = this.read(this.typed);
    setText(this.here.problem, problems.length ? `Not sent: ${problems.join(", ")}.` : "");
    if (problems.length || this.here.submit.disabled) return;
    this.here.submit.disabled = true;
    try {
      await this.send(body);
      this.clear();
    } catch (error) {
      setText(this.here.problem, error.message);
    }
    this.here.submit.disabled = false;
  }
}

// A small form inside a screen, made of fields: what was typed stays when it is refused, and the refusal stands
// under it as a sentence.

import { setProblem, setText } from "./dom.js";
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
    this.rows = new Map(this.fields.map((field) => [field.name, this.makeRow(field)]));
    this.here.fields.replaceChildren(...this.rows.values());
  }

  makeRow(field) {
    return makeField({ ...field, start: this.typed[field.name] }, (text) => { this.typed[field.name] = text; });
  }

  // What can be ticked in a field, when that becomes known later; what was ticked stays.
  offer(name, options) {
    const at = this.fields.findIndex((field) => field.name === name);
    const values = (known) => (known || []).map((option) => option.value).join(" ");
    if (values(this.fields[at].options) === values(options)) return;
    this.fields = this.fields.with(at, { ...this.fields[at], options });
    const row = this.makeRow(this.fields[at]);
    this.rows.get(name).replaceWith(row);
    this.rows.set(name, row);
  }

  async submit() {
    const { body, problems } = this.read(this.typed);
    setText(this.here.problem, problems.length ? `Not sent: ${problems.join(", ")}.` : "");
    if (problems.length || this.here.submit.disabled) return;
    this.here.submit.disabled = true;
    const sent = JSON.stringify(this.typed);
    try {
      await this.send(body);
      // What somebody types while the form is on its way stays.
      if (JSON.stringify(this.typed) === sent) this.clear();
    } catch (error) {
      setProblem(this.here.problem, error.message, error);
    }
    this.here.submit.disabled = false;
  }
}

// The fields of a form, made from {name, kind, required, example, start, options}: text, numbers, JSON, ticks, and
// choices as buttons, because the lists and calendars of browsers are white in the dark.

import { clone, parts, setAttr, setText, show } from "./dom.js";

// An element for the field; `changed(text)` is called with what stands in it.
export function makeField(field, changed) {
  const row = clone(TEMPLATES[field.kind] || "t-field");
  const here = parts(row);
  setText(here.name, field.label || field.name);
  show(here.must, field.required);
  setText(here.help, field.help || "");
  (MAKERS[field.kind] || makeInput)(here, field, changed);
  return row;
}

const TEMPLATES = { boolean: "t-choice", checks: "t-checks" };
const MAKERS = { boolean: makeChoice, checks: makeChecks };

// Of several, some or none: `changed` gets the ticked values with spaces in between.
function makeChecks(here, field, changed) {
  setAttr(here.row, "aria-label", field.label || field.name);
  const ticked = new Set((field.start || "").split(" ").filter(Boolean));
  const change = (value, on) => {
    if (on) ticked.add(value);
    else ticked.delete(value);
    changed([...ticked].join(" "));
  };
  here.options.replaceChildren(...(field.options || []).map((option) => makeCheck(option, ticked.has(option.value), change)));
  show(here.row, field.options?.length);
}

function makeCheck({ value, label, help }, on, change) {
  const row = clone("t-check");
  const here = parts(row);
  setText(here.label, label);
  setText(here.about, help);
  here.box.checked = on;
  here.box.addEventListener("change", () => change(value, here.box.checked));
  return row;
}

function makeInput(here, field, changed) {
  const long = field.kind === "json" && !field.short;
  const input = long ? here.long : here.short;
  (long ? here.short : here.long).remove();
  Object.assign(input, { value: field.start || "", placeholder: field.example || "", readOnly: field.kind === "fixed" });
  if (field.kind === "number") setAttr(input, "inputmode", "decimal");
  input.addEventListener("input", () => changed(input.value));
}

function makeChoice(here, field, changed) {
  setAttr(here.row, "aria-label", field.name);
  const buttons = { "": here.unset, true: here.yes, false: here.no };
  show(here.unset, !field.required);
  const choose = (text) => {
    for (const [name, button] of Object.entries(buttons)) setAttr(button, "aria-pressed", String(name === text));
    changed(text);
  };
  for (const [name, button] of Object.entries(buttons)) button.addEventListener("click", () => choose(name));
  choose(field.start || "");
}

// Chips of which one is chosen. Returns nothing; `chosen` is drawn, `choose(value)` is called.
export function drawChips(chips, values, chosen) {
  chips.forEach((chip, at) => setAttr(chip, "aria-pressed", String(values[at] === chosen)));
}

export function makeChip(text, choose) {
  const chip = clone("t-plain-chip");
  setText(chip, text);
  chip.addEventListener("click", () => choose(text));
  return chip;
}

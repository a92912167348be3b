// The few DOM helpers that the screens share. Text goes in as text, templates come from index.html, and the
// elements of a template are found by their data-part names.

import { markedText } from "./marks.js";

const known = new WeakMap();

export function clone(templateId) {
  return document.getElementById(templateId).content.firstElementChild.cloneNode(true);
}

// {name: element} of everything below `root` (and root itself) with a data-part; looked up once.
export function parts(root) {
  if (!known.has(root)) {
    const found = [root, ...root.querySelectorAll("[data-part]")].filter((element) => element.dataset.part);
    known.set(root, Object.fromEntries(found.map((element) => [element.dataset.part, element])));
  }
  return known.get(root);
}

export function setText(element, text) {
  const shown = markedText(String(text ?? ""));
  if (element.textContent !== shown) element.textContent = shown;
}

export function setAttr(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

export function show(element, shown) {
  if (element.hidden === Boolean(shown)) element.hidden = !shown;
}

// A link to what the manual says about something; it opens beside the monitor, which somebody may be watching.
export function setMore(link, address) {
  show(link, address);
  setAttr(link, "href", address || null);
}

// The words of a failure, with such a link behind them where the server named a page.
export function setProblem(element, words, error) {
  setText(element, words);
  if (!error?.manual) return;
  const link = Object.assign(document.createElement("a"), { textContent: "In the manual", target: "_blank", rel: "noopener" });
  setMore(link, error.manual);
  element.append(" ", link);
}

export function setTip(element, text) {
  setAttr(element, "data-tip", text || null);
}

// The shape of a phase: a symbol of index.html.
export function setGlyph(use, phase) {
  setAttr(use, "href", `#glyph-${phase}`);
}

export function setMeter(meter, known) {
  show(meter, known);
  if (!known) return;
  const percent = Math.floor(known.fraction * 100);
  setAttr(meter, "aria-valuenow", percent);
  meter.firstElementChild.style.setProperty("--done", known.fraction.toFixed(4));
}

const children = new WeakMap();

// Makes the children of `parent` those of `keys`, in that order, keeping the elements that are already there.
export function keyed(parent, keys, make) {
  if (!children.has(parent)) children.set(parent, new Map());
  const present = children.get(parent);
  const wanted = new Set(keys);
  for (const [key, element] of present) if (!wanted.has(key)) { element.remove(); present.delete(key); }
  let cursor = parent.firstElementChild;
  return keys.map((key) => {
    if (!present.has(key)) present.set(key, make(key));
    const element = present.get(key);
    if (element === cursor) cursor = cursor.nextElementSibling;
    else parent.insertBefore(element, cursor);
    return element;
  });
}

// Is somebody about to click here? On a touch screen the last tap leaves a hover behind that means nothing.
export function isPointedAt(element) {
  return matchMedia("(hover: hover)").matches && element.matches(":hover");
}

// Is somebody about to click here, or walking through it with the keyboard?
export function isInUse(element) {
  return isPointedAt(element) || element.contains(document.activeElement);
}

// Says something to those who listen to the page instead of looking at it.
export function announce(text) {
  const region = document.querySelector("[data-announce]");
  if (region) region.textContent = text;
}

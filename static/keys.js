// The keyboard: single letters for the screens, arrows between rows, Esc back, "/" to the filter, "?" for help. Who
// speaks to his computer, or hits keys by chance, switches the single characters off; arrows, Enter and Esc stay.

import { setAttr } from "./dom.js";

const KEPT_AS = "prjobs_single_keys";

const KEYS = new Map(Object.entries({
  n: "now", j: "jobs", e: "send", s: "site", "/": "filter", "?": "help", t: "theme", ArrowDown: "down", ArrowUp: "up",
}));

// What a key means, or null: letters belong to the field one types in, and chords to the browser.
export function keyAction(event, { typing, dialog, single = true }) {
  // Shift+Esc is held to stop.
  if (event.key === "Escape" && event.shiftKey) return null;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
  if (!single && event.key.length === 1) return null;
  if (dialog) return event.key === "?" || event.key === "Escape" ? "help" : null;
  if (event.key === "Escape") return typing ? "leave-field" : "back";
  if (typing) return null;
  const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return KEYS.get(letter) || null;
}

// `box`: the checkbox of the help that switches the single characters on and off.
export function startKeys(actions, box) {
  const tabs = [...document.querySelectorAll("[aria-keyshortcuts]")].map((at) => [at, at.getAttribute("aria-keyshortcuts")]);
  const wear = () => {
    document.documentElement.dataset.singleKeys = box.checked ? "on" : "off";
    for (const [at, key] of tabs) setAttr(at, "aria-keyshortcuts", box.checked ? key : null);
  };
  box.checked = remembered();
  box.addEventListener("change", () => { remember(box.checked); wear(); });
  wear();
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
    const dialog = Boolean(document.querySelector("dialog[open]"));
    const name = keyAction(event, { typing: Boolean(field), dialog, single: box.checked });
    if (!name) return;
    if (name === "leave-field") { field.blur(); return; }
    if (actions[name]?.() !== false) event.preventDefault();
  });
}

// A browser may keep nothing; then the choice lasts as long as the page.
function remembered() {
  try {
    return localStorage.getItem(KEPT_AS) !== "off";
  } catch {
    return true;
  }
}

function remember(on) {
  try {
    if (on) localStorage.removeItem(KEPT_AS);
    else localStorage.setItem(KEPT_AS, "off");
  } catch { /* see above */ }
}

// Moves the focus to the next or previous row link of the screen. False when there is none.
export function moveRow(root, step) {
  const links = [...root.querySelectorAll("a[data-row]")];
  if (!links.length) return false;
  const at = links.indexOf(document.activeElement);
  const next = links[at < 0 ? (step > 0 ? 0 : -1) : at + step];
  if (!next) return false;
  next.focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

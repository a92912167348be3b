// The keyboard: single letters for the screens, arrows between rows, Esc back, "/" to the filter, "?" for help.

const KEYS = new Map(Object.entries({
  n: "now", j: "jobs", e: "send", s: "site", "/": "filter", "?": "help", t: "theme", ArrowDown: "down", ArrowUp: "up",
}));

// What a key means, or null: letters belong to the field one types in, and chords to the browser.
export function keyAction(event, { typing, dialog }) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
  if (dialog) return event.key === "?" || event.key === "Escape" ? "help" : null;
  if (event.key === "Escape") return typing ? "leave-field" : "back";
  if (typing) return null;
  const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return KEYS.get(letter) || null;
}

export function startKeys(actions) {
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest?.("input, textarea, select, [contenteditable]");
    const name = keyAction(event, { typing: Boolean(field), dialog: Boolean(document.querySelector("dialog[open]")) });
    if (!name) return;
    if (name === "leave-field") { field.blur(); return; }
    if (actions[name]?.() !== false) event.preventDefault();
  });
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

// The table of many sites on the screen Now: the worst first, filtered by what stands in the address, with the groups
// and their numbers above it. New answers change the words of a row at once, but no row moves while somebody is about
// to take one: a button says that the order changed.

import { alarmsWords } from "./alarms.js";
import { announce, clone, isInUse, keyed, parts, setAttr, setText, show } from "./dom.js";
import { lockWords, locksHolding } from "./locks.js";
import {
  ALARMS, alarmsBySite, fits, groupsOf, heldOrder, ownNowRoute, silenceWords, sitesRoute, stateName, STATES, tally, tallyLine,
  worstFirst,
} from "./sites_filter.js";
import { rowState } from "./state.js";
import { PHASE_WORDS } from "./words.js";

const TYPING_MS = 250;
const CHIPS = [ALARMS, ...STATES];

export class SiteTable {
  constructor({ root, model, clock, go }) {
    Object.assign(this, { root, model, clock, go, here: parts(root), order: [], visible: false, filter: null, counted: "" });
    this.here.form.addEventListener("submit", (event) => { event.preventDefault(); this.typed(0); });
    this.here.filter.addEventListener("input", () => this.typed(TYPING_MS));
    this.here.clear.addEventListener("click", () => this.clear());
    this.here.fresh.addEventListener("click", () => this.sortAnew());
    this.here.rows.addEventListener("click", (event) => openRow(event));
    for (const part of [this.here.rows, this.here.fresh]) {
      for (const name of ["pointerleave", "focusout"]) part.addEventListener(name, () => setTimeout(() => this.draw()));
    }
  }

  // ---- what the address asks for

  show(filter) {
    const isBack = !this.visible && this.filter && sitesRoute(filter) === sitesRoute(this.filter);
    Object.assign(this, { filter, visible: true });
    if (document.activeElement !== this.here.filter) this.here.filter.value = filter.text;
    show(this.root, true);
    if (!isBack) this.order = [];
    this.draw();
    if (isBack) this.comeBack();
  }

  hide() {
    if (!this.visible) return;
    clearTimeout(this.typing);
    const focused = document.activeElement;
    Object.assign(this, { visible: false, leftAt: scrollY, leftRow: this.here.rows.contains(focused) ? focused : null });
    show(this.root, false);
  }

  // Back from a site: the table stands where it was left.
  comeBack() {
    scrollTo(0, this.leftAt || 0);
    this.leftRow?.focus({ preventScroll: true });
  }

  keepsFocus() {
    return this.here.rows.contains(document.activeElement);
  }

  typed(delay) {
    clearTimeout(this.typing);
    show(this.here.clear, this.here.filter.value);
    this.typing = setTimeout(() => this.write({ text: this.here.filter.value.trim() }, { replace: true }), delay);
  }

  clear() {
    this.here.filter.value = "";
    this.write({ text: "" }, { replace: true });
    this.here.filter.focus();
  }

  // A chip is a step of its own for the browser's Back; letters typed one after the other are none.
  write(parts, options) {
    clearTimeout(this.typing);
    const hash = sitesRoute({ ...this.filter, site: "", ...parts });
    if (hash !== sitesRoute({ ...this.filter, site: "" })) this.go(hash, options);
  }

  toggle(name) {
    if (name === ALARMS) { this.write({ alarms: !this.filter.alarms }); return; }
    const { states } = this.filter;
    this.write({ states: STATES.filter((state) => (state === name) !== states.includes(state)) });
  }

  toggleGroup(name) {
    this.write({ group: this.filter.group === name ? "" : name });
  }

  // ---- drawing

  draw(live = this.live) {
    this.live = live ?? true;
    if (!this.visible) return;
    const rows = [...this.model.rows.values()];
    this.alarms = alarmsBySite(this.model.alarms);
    const kept = (options) => rows.filter((row) => fits(row, this.filter, this.alarms.get(row.site), options));
    const wanted = worstFirst(kept()).map((row) => row.site);
    this.drawChips(tally(kept({ states: false })));
    this.drawGroups(groupsOf(rows));
    this.drawWords(wanted.length, rows.length);
    this.drawRows(wanted);
  }

  // Somebody points at a row, walks through them, has scrolled into them, or is about to sort them again.
  isHeld() {
    const { rows, fresh } = this.here;
    return this.order.length > 0 && (isInUse(rows) || isInUse(fresh) || rows.getBoundingClientRect().top < 0);
  }

  drawRows(wanted) {
    const { rows: known } = this.model;
    const held = this.isHeld();
    this.order = held ? heldOrder(this.order, wanted, known) : wanted;
    show(this.here.fresh, held && this.order.join() !== wanted.join());
    const fitting = new Set(wanted);
    const elements = keyed(this.here.rows, this.order, () => clone("t-site-row"));
    this.order.forEach((site, at) => {
      setAttr(elements[at], "data-leaving", fitting.has(site) ? null : "");
      this.drawRow(parts(elements[at]), known.get(site));
    });
    show(this.here.table, this.order.length);
  }

  drawRow(here, row) {
    const { kind, word, under } = rowState(row, this.clock.now(), this.live);
    setAttr(here.row, "data-state", kind);
    setAttr(here.row, "data-alarmed", row.unseen ? "yes" : null);
    setText(here.site, row.site);
    setAttr(here.link, "href", ownNowRoute(row.site));
    setText(here.state, word);
    setText(here.under, under?.word || "");
    setText(here.what, this.whatWords(row));
    setText(here.work, workWords(row));
    setText(here.groups, row.groups.join(", "));
  }

  // What somebody must know of it: who is in the dome, its alarms, its silence.
  whatWords(row) {
    const now = this.clock.now();
    const alarms = this.alarms.get(row.site) || [];
    const locks = row.state === "locked" ? locksHolding(this.model.locks, row.site) : [];
    const words = locks.map((lock) => lockWords(lock, now, row.site));
    const others = alarms.filter((alarm) => !locks.length || alarm.kind !== "notice");
    if (others.length) words.push(`▲ ${alarmsWords(others, row.waiting, now)}`);
    else words.push(silenceWords(row, now));
    return words.filter(Boolean).join(" · ");
  }

  tick(live) {
    if (live !== this.live) { this.draw(live); return; }
    if (!this.visible) return;
    // Time alone changes the words of these alone.
    for (const element of this.here.rows.children) {
      const row = this.model.rows.get(parts(element).site.textContent);
      if (row && (row.alarms || row.last_poll_ms != null || row.state === "locked")) this.drawRow(parts(element), row);
    }
  }

  drawChips(counts) {
    const { states, alarms } = this.filter;
    const chips = keyed(this.here.chips, CHIPS, (name) => this.makeChip(() => this.toggle(name)));
    CHIPS.forEach((name, at) => {
      const here = parts(chips[at]);
      const isOn = name === ALARMS ? alarms : states.includes(name);
      setAttr(chips[at], "aria-pressed", String(isOn));
      setAttr(chips[at], "data-state", name);
      setAttr(chips[at], "data-none", counts[name] ? null : "");
      setText(here.word, stateName(name));
      setText(here.count, counts[name]);
    });
  }

  drawGroups(groups) {
    show(this.here.groupBox, groups.length);
    const chips = keyed(this.here.groupBox, groups.map((group) => group.name), (name) => {
      const chip = clone("t-site-group");
      chip.addEventListener("click", () => this.toggleGroup(name));
      return chip;
    });
    groups.forEach((group, at) => this.drawGroup(parts(chips[at]), group));
  }

  drawGroup(here, { name, count, counts, worst }) {
    setAttr(here.group, "aria-pressed", String(this.filter.group === name));
    setAttr(here.group, "data-state", worst.unseen ? ALARMS : worst.state);
    setText(here.name, name);
    setText(here.count, count === 1 ? "1 site" : `${count} sites`);
    setText(here.counts, tallyLine(counts));
  }

  makeChip(act) {
    const chip = clone("t-chip");
    parts(chip).glyph.parentElement.remove();
    chip.addEventListener("click", act);
    return chip;
  }

  drawWords(count, all) {
    const { group, problems, text } = this.filter;
    const isUnknown = group && ![...this.model.rows.values()].some((row) => row.groups.includes(group));
    const unknown = isUnknown && this.model.loaded ? [`No site is in a group “${group}”`] : [];
    setText(this.here.problem, [...problems, ...unknown].join(" · "));
    show(this.here.clear, text || this.here.filter.value);
    const words = count === all ? `${all} sites, the worst first` : `${count} of ${all} sites, the worst first`;
    setText(this.here.count, words);
    const asked = sitesRoute(this.filter);
    if (this.counted && this.counted !== asked) announce(words);
    this.counted = asked;
  }

  sortAnew() {
    this.order = [];
    this.root.scrollIntoView({ block: "start" });
    this.draw();
    this.here.title.focus({ preventScroll: true });
  }
}

function workWords(row) {
  return ["running", "picked_up", "waiting"].filter((phase) => row[phase]).map((phase) => `${row[phase]} ${PHASE_WORDS[phase]}`).join(" · ");
}

// The whole row opens the site; a click on the link itself, or one that ends a text selection, is left alone.
function openRow(event) {
  if (event.defaultPrevented || event.target.closest("a") || String(getSelection())) return;
  const row = event.target.closest("tr");
  if (row) parts(row).link.click();
}

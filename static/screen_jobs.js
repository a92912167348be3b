// The screen Jobs: one night's jobs, newest first, filtered by what stands in the address. New jobs arrive by
// themselves, but never move a row that somebody is about to click: they wait behind a chip.

import { clone, isInUse, keyed, parts, setAttr, setGlyph, setText, setTip, show } from "./dom.js";
import { parseFilter, togglePhase } from "./filter.js";
import { JobsSource } from "./jobs_source.js";
import { JobsTable } from "./jobs_table.js";
import { settle } from "./list.js";
import { busiest } from "./model.js";
import { nightOf, nightRange, nightTitle, stepNight } from "./night.js";
import { jobsRoute } from "./route.js";
import { rules } from "./rules.js";
import { zoneOf } from "./sky.js";
import { zoneName } from "./time.js";
import { PHASE_MEANINGS, PHASE_WORDS } from "./words.js";

const TYPING_MS = 250;

export class JobsScreen {
  constructor({ root, model, clock, api, go }) {
    Object.assign(this, { root, model, clock, go, here: parts(root), route: null, zoneSite: "" });
    const { table, above, rows, below } = this.here;
    const seen = () => this.visible && !document.hidden;
    this.source = new JobsSource({ api, now: () => clock.now(), told: () => this.draw(), held: () => this.isHeld(), seen });
    this.table = new JobsTable({ table, above, rows, below, clock, around: model.around, nearEnd: () => this.source.more() });
    this.listen();
  }

  listen() {
    const { here } = this;
    const settleSoon = () => setTimeout(() => this.settleIfFree());
    addEventListener("scroll", () => this.scrolled(), { passive: true });
    addEventListener("resize", () => this.draw());
    for (const part of [here.rows, here.fresh]) {
      part.addEventListener("pointerleave", settleSoon);
      part.addEventListener("focusout", settleSoon);
    }
    here.earlier.addEventListener("click", () => this.step(-1));
    here.later.addEventListener("click", () => this.step(1));
    here.form.addEventListener("submit", (event) => { event.preventDefault(); this.typed(0); });
    here.filter.addEventListener("input", () => this.typed(TYPING_MS));
    here.clear.addEventListener("click", () => { this.write(""); here.filter.focus(); });
    here.fresh.addEventListener("click", () => this.showFresh());
    here.again.addEventListener("click", () => this.aim({ anew: true }));
  }

  // ---- what the address asks for

  show(route) {
    const same = this.route && this.route.q === route.q && this.route.night === route.night;
    this.visible = true;
    this.route = route;
    if (document.activeElement !== this.here.filter) this.here.filter.value = route.q;
    if (same && !this.source.problem) this.comeBack();
    else this.aim();
  }

  hide() {
    this.visible = false;
    clearTimeout(this.typing);
    this.leftAt = scrollY;
    this.leftRow = this.here.rows.contains(document.activeElement) ? document.activeElement : null;
  }

  // Back from a job: the list stands where it was left.
  comeBack() {
    this.draw();
    scrollTo(0, this.leftAt || 0);
    this.draw();
    this.leftRow?.focus({ preventScroll: true });
    this.settleIfFree();
  }

  site() {
    return this.filter?.site;
  }

  keepsFocus() {
    return this.here.rows.contains(document.activeElement);
  }

  // Before the first answer of the server no word of the filter is known as a phase.
  aim(options) {
    if (!rules.phases.length) return;
    this.filter = parseFilter(this.route.q);
    this.zoneSite = this.siteOfNight();
    this.zone = this.zoneNow();
    this.shownNight = this.night();
    this.source.aim(this.filter, nightRange(this.shownNight, this.zone), options);
    this.draw();
  }

  reload() {
    if (this.route) this.aim({ anew: true });
  }

  // Whose noons the nights have: the site asked for, else the busiest. That one stays, lest the list begin anew
  // whenever another becomes busier.
  siteOfNight() {
    const sites = [...this.model.sites.keys()];
    return this.filter.site || (sites.includes(this.zoneSite) ? this.zoneSite : busiest(this.model, sites));
  }

  zoneNow() {
    return zoneOf(this.model.around, this.siteOfNight());
  }

  tonight() {
    return nightOf(this.clock.now(), this.zone);
  }

  night() {
    return this.route.night || this.tonight();
  }

  step(days) {
    const night = stepNight(this.night(), days);
    this.go(jobsRoute(this.route.q, night === this.tonight() ? null : night), { replace: true });
  }

  typed(delay) {
    clearTimeout(this.typing);
    show(this.here.clear, this.here.filter.value);
    this.typing = setTimeout(() => this.write(this.here.filter.value, false), delay);
  }

  write(text, intoField = true) {
    clearTimeout(this.typing);
    if (intoField) this.here.filter.value = text;
    if (text.trim() !== this.route.q) this.go(jobsRoute(text.trim(), this.route.night), { replace: true });
  }

  // ---- what happens meanwhile

  // An empty list has no row that could move. The button that shows the new rows stays while somebody is about to take it.
  isHeld() {
    return !this.visible || (this.source.list.order.length > 0 && (this.table.inUse() || isInUse(this.here.fresh)));
  }

  changed(changes) {
    if (!this.filter) return;
    this.source.changed(changes);
    this.draw();
  }

  settleIfFree() {
    if (!this.isHeld() && settle(this.source.list)) this.draw();
  }

  showFresh() {
    scrollTo(0, 0);
    settle(this.source.list);
    this.draw();
  }

  scrolled() {
    if (!this.visible || this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.settleIfFree();
      this.table.render();
    });
  }

  // Noon came while the page stood on "tonight", or the site's zone became known: the list becomes that night's.
  tick() {
    if (!this.filter) return;
    if (this.night() !== this.shownNight || this.zone !== this.zoneNow()) this.aim();
    else if (this.visible) this.pass();
  }

  pass() {
    this.source.age();
    this.source.wake();
    this.table.render();
  }

  update() {
    if (!this.filter) return;
    this.source.retry();
    this.draw();
  }

  // ---- drawing

  draw() {
    if (!this.visible || !this.filter) return;
    const { here, source } = this;
    this.drawNight();
    this.drawChips();
    this.drawFresh(source.list.held.size);
    this.drawFoot();
    show(here.clear, here.filter.value);
    setText(here.problem, this.filter.problems.join(". "));
    setAttr(this.root, "data-sites", this.model.many || this.model.sites.size > 1 ? "many" : "one");
    show(here.table, source.list.order.length);
    this.table.render(source.list);
  }

  drawNight() {
    const { here } = this;
    const tonight = this.tonight();
    const byAge = Boolean(this.filter.age);
    this.table.dated = byAge;
    setText(here.night, byAge ? "by age" : nightTitle(this.night()));
    setTip(here.night, byAge ? "" : `From noon to noon, ${this.zone ? `${this.zone} (${this.zoneSite})` : zoneName(this.clock.now())}`);
    show(here.tonight, !byAge && this.night() === tonight);
    here.later.disabled = byAge || this.night() >= tonight;
    here.earlier.disabled = byAge;
  }

  drawChips() {
    const { byPhase, known } = this.source.counts();
    const chips = keyed(this.here.chips, rules.phases, (phase) => this.makeChip(phase));
    chips.forEach((chip, at) => {
      const phase = rules.phases[at];
      setAttr(chip, "aria-pressed", this.filter.phases.includes(phase));
      setAttr(chip, "data-none", byPhase[phase] ? null : "yes");
      setText(parts(chip).count, known ? String(byPhase[phase] || 0) : "");
    });
  }

  makeChip(phase) {
    const chip = clone("t-chip");
    setAttr(chip, "data-phase", phase);
    setGlyph(parts(chip).glyph, phase);
    setText(parts(chip).word, PHASE_WORDS[phase]);
    setTip(chip, PHASE_MEANINGS[phase]);
    chip.addEventListener("click", () => this.write(togglePhase(this.route.q, phase)));
    return chip;
  }

  drawFresh(count) {
    show(this.here.fresh, count);
    setText(this.here.fresh, count ? `${count} new ↑` : "");
    setAttr(this.here.fresh, "aria-label", `${count} new. Show them`);
  }

  drawFoot() {
    const { problem, old } = this.source;
    setText(this.here.foot, this.footWords());
    setAttr(this.here.foot, "data-problem", problem || old ? "yes" : null);
    show(this.here.again, problem);
  }

  footWords() {
    const { problem, old } = this.source;
    if (problem) return `The jobs could not be loaded. ${problem}`;
    return old ? `${this.countWords()} · The newest could not be asked for. ${old}` : this.countWords();
  }

  countWords() {
    const { list } = this.source;
    const count = list.order.length;
    if (!count && !list.complete) return "Loading…";
    if (!count) return this.route.q ? "No job here fits the filter." : "No jobs in this night.";
    if (!list.complete) return `${count} newest shown; older ones follow as you scroll`;
    return count === 1 ? "1 job" : `${count} jobs`;
  }
}

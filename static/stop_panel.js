// STOP in the corner of every screen: hold it, it sends, and what is known of the stop stands above it. Also the
// STOP of each panel and alarm, that of all sites, and the second choice, "stop and make safe". Nothing of the page
// may lie over the corner, and it is never empty: a login that ended says so there.

import { mayCommand } from "./acts.js";
import { announce, clone, keyed, parts, setAttr, setText, show } from "./dom.js";
import { holdable, holdByShiftEscape } from "./hold.js";
import { cornerWords, remember, remembered } from "./login_end.js";
import { busiest, isStaff, knownInstance, sitesInOrder } from "./model.js";
import {
  doubtWords, HOLD_MS, proofWords, safeCommands, stepState, stopCommand, takeAlarms, takeChange, troubleWords,
} from "./stop.js";
import { rules } from "./rules.js";
import { withRun } from "./stop_run.js";

const SEND_TIMEOUT_MS = 5000;
const BEEP_EVERY_MS = 2000;

export class StopPanel {
  // `refused`: does the server refuse to be read, for want of a login?
  constructor({ root, model, clock, send, sound, refused }) {
    Object.assign(this, { root, model, clock, send, sound, refused, here: parts(root), runs: [], said: "" });
    Object.assign(this, { site: "", inView: "", visit: 0, visited: 0 });
    const corner = this.holdToStop(this.here.stop, () => this.begin(false));
    this.holdToStop(this.here.safe, () => this.begin(true));
    this.holdToStop(this.here.all, () => this.stopAll());
    holdByShiftEscape({ ...corner, begin: () => { if (!this.here.stopRow.hidden) corner.begin(); } });
    this.here.more.addEventListener("click", () => this.toggleMore());
    this.here.clear.addEventListener("click", () => this.clear());
  }

  holdToStop(button, done) {
    return holdable(button, { ms: HOLD_MS, done, early: () => this.tooShort() });
  }

  // The STOP of a panel or an alarm.
  bind(button, siteOf) {
    this.holdToStop(button, () => { this.aimAt(siteOf()); this.begin(false); });
  }

  drawHere(button, site) {
    show(button, site && this.mayStop());
    setText(button, `Hold to stop ${site}`);
  }

  // The site that a stop would be for: first the one with the most jobs, then only what the user chooses: a site
  // here, a panel, an alarm, or the screen of a site, once for each visit to a screen. `site` is that of the screen, null while it
  // is not known yet. Whatever else changes, the aim stays; and it never changes under a finger.
  aim(site, visit) {
    const sites = this.sites();
    this.visit = visit;
    if (!sites.length || this.isHeld()) return;
    if (site !== null && visit !== this.visited) this.takeVisit(site, sites);
    this.site ||= busiest(this.model, sites);
    this.draw();
  }

  takeVisit(site, sites) {
    if (site !== this.inView && sites.includes(site)) this.site = site;
    Object.assign(this, { inView: site, visited: this.visit });
  }

  choose(site) {
    if (site && !this.isHeld()) this.aimAt(site);
  }

  aimAt(site) {
    Object.assign(this, { site, visited: this.visit });
    this.draw();
  }

  isHeld() {
    return document.querySelector("[data-holding]") !== null;
  }

  mayStop() {
    return mayCommand(this.model.user) && !this.corner()?.ended;
  }

  corner() {
    const wall = document.documentElement.dataset.wall === "yes";
    return cornerWords(this.model, { refused: this.refused(), remembered: remembered(), wall });
  }

  // Also those that the user may not stop now: the server decides, and reservations come and go.
  sites() {
    if (!this.mayStop()) return [];
    const known = sitesInOrder(this.model).map((site) => site.site);
    return !this.site || known.includes(this.site) ? known : [...known, this.site].sort();
  }

  station() {
    return rules.stations[this.site] || "";
  }

  toggleMore(open = this.here.moreBox.hidden) {
    show(this.here.moreBox, open);
    setAttr(this.here.more, "aria-expanded", String(open));
    setText(this.here.more, open ? "Close this" : "Stop and make safe…");
  }

  tooShort() {
    announce("Let go too early. Hold it to stop.");
  }

  // ---- the acts

  begin(safe) {
    const instanceOf = (where, device) => knownInstance(this.model, where, device);
    this.run([safe ? safeCommands(this.site, this.station(), instanceOf) : [["STOP", stopCommand(this.site)]]]);
  }

  stopAll() {
    this.run(this.sites().map((site) => [["STOP", stopCommand(site)]]));
  }

  run(held) {
    this.sound.wake();
    navigator.vibrate?.(80);
    for (const commands of held) this.runs = withRun(this.runs, commands, this.clock.now());
    this.said = "";
    this.toggleMore(false);
    this.next();
    this.here.proof.scrollTop = this.here.proof.scrollHeight;
  }

  next() {
    for (const run of this.runs) {
      for (const step of run.due(this.runs, this.clock.now())) this.sendStep(step);
    }
  }

  // Never what is still to come.
  clear() {
    this.runs = this.runs.filter((run) => !run.isOver(this.clock.now()));
    this.draw();
  }

  steps() {
    return this.runs.flatMap((run) => run.steps);
  }

  async sendStep(step) {
    step.askedMs = this.clock.now();
    this.draw();
    try {
      const job = await this.send(step.command, { timeoutMs: SEND_TIMEOUT_MS });
      step.ulid = job.ulid;
      step.sentMs ??= this.clock.now();
      for (const change of [...this.model.events].reverse()) takeChange(step, change);
    } catch (error) {
      step.error = error.code === "timeout" ? `${error.message} Nobody knows whether it went out.` : error.message;
    }
    this.tick();
  }

  changed(changes) {
    for (const step of this.steps()) for (const change of changes) takeChange(step, change);
    this.tick();
  }

  // ---- drawing

  tick() {
    for (const step of this.steps()) takeAlarms(step, this.model.alarms);
    this.next();
    this.draw();
    this.alarm();
  }

  // Loud until it is picked up, or somebody puts the message away.
  alarm() {
    if (!this.troubles()) return;
    const now = this.clock.monotonic();
    if (now - (this.beepedAt ?? -Infinity) < BEEP_EVERY_MS) return;
    this.beepedAt = now;
    this.sound.beep();
  }

  // What is wrong with each run, a line each.
  troubles() {
    const words = this.runs.map((run) => troubleWords(run.steps, this.clock.now()));
    return [...new Set(words)].filter(Boolean).join("\n");
  }

  draw() {
    const { here, site } = this;
    const sites = this.sites();
    const corner = this.drawCorner();
    show(this.root, sites.length || this.runs.length || corner);
    show(here.stopRow, sites.length);
    this.drawSites(sites);
    show(here.all, sites.length > 1);
    setText(here.allSites, sites.length === 2 ? "both sites" : `all ${sites.length}`);
    setText(here.site, site);
    setText(here.safeSite, site);
    setText(here.safeWhy, this.safeWords());
    setText(here.doubt, doubtWords(site, this.model.around.may.get(site), isStaff(this.model.user)));
    this.drawProof();
  }

  safeWords() {
    const station = this.station();
    const unknown = ". No enclosure station is known for it: the roof is not closed";
    const close = station ? `, then closes the roof by ${station}` : unknown;
    return `Stops ${this.site}, then parks the mount${close}. Keep this page open until it is done.`;
  }

  // What stands where there is no STOP.
  drawCorner() {
    const { here, model } = this;
    if (model.user && !this.refused()) remember(mayCommand(model.user));
    const corner = this.corner();
    if (corner?.ended && !here.login.dataset.ended) announce(corner.words);
    show(here.login, corner);
    setAttr(here.login, "data-ended", corner?.ended ? "yes" : null);
    setText(here.loginWords, corner?.words || "");
    setText(here.loginLink, corner?.act || "");
    return corner;
  }

  // The sites with alarms first, so that many sites hide none of them.
  drawSites(known) {
    const alarmed = new Set(this.model.alarms.map((alarm) => alarm.site));
    const sites = [...known].sort((a, b) => alarmed.has(b) - alarmed.has(a));
    show(this.here.sites, sites.length > 1);
    const chips = keyed(this.here.sites, sites.length > 1 ? sites : [], (site) => this.makeSite(site));
    chips.forEach((chip, at) => {
      setAttr(chip, "aria-pressed", String(sites[at] === this.site));
      setAttr(chip, "data-alarmed", alarmed.has(sites[at]) ? "yes" : null);
    });
  }

  makeSite(site) {
    const chip = clone("t-plain-chip");
    setText(chip, site);
    chip.addEventListener("click", () => this.choose(site));
    return chip;
  }

  drawProof() {
    const { here, runs } = this;
    const now = this.clock.now();
    const troubles = this.troubles();
    show(here.proofBox, runs.length);
    show(here.clear, runs.some((run) => run.isOver(now)));
    setAttr(here.proofBox, "data-trouble", troubles ? "yes" : null);
    setText(here.trouble, troubles);
    this.drawSteps(now);
    this.say(now);
  }

  drawSteps(now) {
    const steps = this.steps();
    const first = new Set(this.runs.map((run) => run.steps[0]));
    const lines = keyed(this.here.proof, [...steps.keys()], () => clone("t-line"));
    lines.forEach((line, at) => {
      setText(line, proofWords(steps[at], now));
      setAttr(line, "data-step", stepState(steps[at], now));
      setAttr(line, "data-first", first.has(steps[at]) ? "" : null);
    });
  }

  // The last proof that came, whichever run it belongs to.
  say(now) {
    const proved = this.steps().filter((step) => stepState(step, now) === "picked_up");
    const last = proved.sort((one, other) => one.pickedMs - other.pickedMs).at(-1);
    const words = last ? proofWords(last, now) : "";
    if (words && words !== this.said) announce(words);
    this.said = words;
  }
}

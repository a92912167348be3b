// STOP in the corner of every screen: hold it, it sends, and what is known of the stop stands above it. Also the
// second choice, "stop and make safe". Nothing of the page may lie over it.

import { mayCommand } from "./acts.js";
import { announce, clone, keyed, parts, setAttr, setText, show } from "./dom.js";
import { holdable } from "./hold.js";
import { busiest, isStaff, knownInstance, sitesInOrder } from "./model.js";
import {
  doubtWords, HOLD_MS, isSettled, newStep, proofWords, safeCommands, stationOf, stepState, stopCommand, takeAlarms,
  takeChange, troubleWords,
} from "./stop.js";

const SEND_TIMEOUT_MS = 5000;
const BEEP_EVERY_MS = 2000;

export class StopPanel {
  constructor({ root, model, clock, send, sound }) {
    Object.assign(this, { root, model, clock, send, sound, here: parts(root), run: [], said: "" });
    Object.assign(this, { site: "", inView: "", visit: 0, visited: 0 });
    holdable(this.here.stop, { ms: HOLD_MS, done: () => this.begin(false), early: () => this.tooShort() });
    holdable(this.here.safe, { ms: HOLD_MS, done: () => this.begin(true), early: () => this.tooShort() });
    this.here.more.addEventListener("click", () => this.toggleMore());
    this.here.clear.addEventListener("click", () => { this.run = []; this.draw(); });
  }

  // The site that a stop would be for: first the one with the most jobs, then only what the user chooses: a site
  // here, or the screen of a site, once for each visit to a screen. `site` is that of the screen, null while it
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
    if (!site || this.isHeld()) return;
    Object.assign(this, { site, visited: this.visit });
    this.draw();
  }

  isHeld() {
    return Boolean(this.here.stop.dataset.holding || this.here.safe.dataset.holding);
  }

  // Also those that the user may not stop now: the server decides, and reservations come and go.
  sites() {
    if (!mayCommand(this.model.user)) return [];
    const known = sitesInOrder(this.model).map((site) => site.site);
    return !this.site || known.includes(this.site) ? known : [...known, this.site].sort();
  }

  station() {
    return stationOf(this.model.stations || [], this.site);
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
    const { site } = this;
    this.sound.wake();
    navigator.vibrate?.(80);
    const instanceOf = (where, device) => knownInstance(this.model, where, device);
    const commands = safe ? safeCommands(site, this.station(), instanceOf) : [["STOP", stopCommand(site)]];
    this.run = commands.map(([word, command]) => newStep(word, command));
    this.said = "";
    this.toggleMore(false);
    this.next();
  }

  // Sends the first step that was not sent yet, once the one before it is settled.
  next() {
    const at = this.run.findIndex((step) => step.askedMs === null);
    if (at < 0 || (at > 0 && !isSettled(this.run[at - 1], this.clock.now()))) return;
    this.sendStep(this.run[at]);
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
    for (const step of this.run) for (const change of changes) takeChange(step, change);
    this.tick();
  }

  // ---- drawing

  tick() {
    for (const step of this.run) takeAlarms(step, this.model.alarms);
    this.next();
    this.draw();
    this.alarm();
  }

  // Loud until it is picked up, or somebody puts the message away.
  alarm() {
    if (!troubleWords(this.run, this.clock.now())) return;
    const now = this.clock.monotonic();
    if (now - (this.beepedAt ?? -Infinity) < BEEP_EVERY_MS) return;
    this.beepedAt = now;
    this.sound.beep();
  }

  draw() {
    const { here, site } = this;
    const sites = this.sites();
    show(this.root, sites.length || this.run.length);
    show(here.stopRow, sites.length);
    this.drawSites(sites);
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

  drawSites(sites) {
    show(this.here.sites, sites.length > 1);
    const chips = keyed(this.here.sites, sites.length > 1 ? sites : [], (site) => this.makeSite(site));
    chips.forEach((chip, at) => setAttr(chip, "aria-pressed", String(sites[at] === this.site)));
  }

  makeSite(site) {
    const chip = clone("t-plain-chip");
    setText(chip, site);
    chip.addEventListener("click", () => this.choose(site));
    return chip;
  }

  drawProof() {
    const { here, run } = this;
    const now = this.clock.now();
    const trouble = troubleWords(run, now);
    show(here.proofBox, run.length);
    // What is put away would take the steps that still come with it.
    show(here.clear, !run.some((step) => ["idle", "sending"].includes(stepState(step, now))));
    setAttr(here.proofBox, "data-trouble", trouble ? "yes" : null);
    setText(here.trouble, trouble);
    const lines = keyed(here.proof, run.map((_, at) => at), () => clone("t-line"));
    lines.forEach((line, at) => {
      setText(line, proofWords(run[at], now));
      setAttr(line, "data-step", stepState(run[at], now));
    });
    this.say(run.findLast((step) => stepState(step, now) === "picked_up"), now);
  }

  say(step, now) {
    const words = step ? proofWords(step, now) : "";
    if (words && words !== this.said) announce(words);
    this.said = words;
  }
}

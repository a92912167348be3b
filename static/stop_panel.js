// STOP in the corner of every screen: hold it, it sends, and what is known of the stop stands above it. Also the
// STOP of each panel and alarm, that of all sites, and the second choice, "stop and make safe", which the server carries
// out: every page shows its steps. Nothing of the page may lie over the corner, and it is never empty: a login that
// ended says so there.

import { mayCommand } from "./acts.js";
import { announce, clone, keyed, parts, setAttr, setText, show } from "./dom.js";
import { holdable, holdByShiftEscape } from "./hold.js";
import { cornerWords, remember, remembered } from "./login_end.js";
import { actLines, actsShown, actTrouble, isOver as isActOver } from "./make_safe.js";
import { busiest, isStaff, siteNames, takeMaking } from "./model.js";
import { rules } from "./rules.js";
import {
  doubtWords, HOLD_MS, isOver, newStop, stopCommand, stopState, stopTrouble, stopWords, takeAlarms, takeChange, withStop,
} from "./stop.js";
import { StopSites } from "./stop_sites.js";

const SEND_TIMEOUT_MS = 5000;
const BEEP_EVERY_MS = 2000;

export class StopPanel {
  // `refused`: does the server refuse to be read, for want of a login?
  constructor({ root, model, clock, send, makeSafe, sound, refused }) {
    Object.assign(this, { root, model, clock, send, makeSafe, sound, refused, here: parts(root), stops: [], said: "" });
    // Acts of the server: those that were begun here are heard here, those put away are not shown again.
    Object.assign(this, { begun: new Set(), putAway: new Set() });
    Object.assign(this, { site: "", inView: "", visit: 0, visited: 0 });
    const corner = this.holdToStop(this.here.stop, () => this.begin(false));
    this.holdToStop(this.here.safe, () => this.begin(true));
    this.holdToStop(this.here.all, () => this.stopAll());
    holdByShiftEscape({ ...corner, begin: () => { if (!this.here.stopRow.hidden && this.site) corner.begin(); } });
    this.here.more.addEventListener("click", () => this.toggleMore());
    this.here.clear.addEventListener("click", () => this.clear());
    this.chooser = new StopSites({ here: this.here, model, choose: (site) => this.choose(site), changed: () => this.draw() });
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
  // is not known yet. Whatever else changes, the aim stays; and it never changes under a finger. Of many sites none is
  // aimed at until the user chose one, and leaving a site's screen ends the choice.
  aim(site, visit) {
    const sites = this.sites();
    this.visit = visit;
    if (!sites.length || this.isHeld()) return;
    // Of few sites one was aimed at without a choice.
    if (this.model.many && !this.wasMany && this.site !== site) this.site = "";
    this.wasMany = this.model.many;
    if (site !== null && visit !== this.visited) this.takeVisit(site, sites);
    if (!this.model.many) this.site ||= busiest(this.model, sites);
    this.draw();
  }

  takeVisit(site, sites) {
    if (site !== this.inView && (sites.includes(site) || (this.model.many && !site))) this.site = site;
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
    const known = siteNames(this.model);
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

  begin(makesSafe) {
    if (!this.site) return;
    this.hold([newStop(this.site, makesSafe)]);
  }

  stopAll() {
    this.hold(this.sites().map((site) => newStop(site)));
  }

  hold(stops) {
    this.sound.wake();
    navigator.vibrate?.(80);
    for (const stop of stops) this.stops = withStop(this.stops, stop, this.clock.now());
    this.said = "";
    this.toggleMore(false);
    for (const stop of stops) this.sendStop(stop);
    this.here.proof.scrollTop = this.here.proof.scrollHeight;
  }

  // Never what is still to come.
  clear() {
    const now = this.clock.now();
    this.stops = this.stops.filter((stop) => !isOver(stop, now));
    for (const act of this.acts().filter(isActOver)) this.putAway.add(act.id);
    this.draw();
  }

  async sendStop(stop) {
    stop.askedMs = this.clock.now();
    this.draw();
    try {
      if (stop.makesSafe) await this.sendMakeSafe(stop);
      else await this.sendAlone(stop);
    } catch (error) {
      stop.error = error.code === "timeout" ? `${error.message} Nobody knows whether it went out.` : error.message;
    }
    this.tick();
  }

  async sendAlone(stop) {
    const job = await this.send(stopCommand(stop.site), { timeoutMs: SEND_TIMEOUT_MS });
    stop.ulid = job.ulid;
    stop.sentMs ??= this.clock.now();
    for (const change of [...this.model.events].reverse()) takeChange(stop, change);
  }

  // From here on it is the server's act, and shown as on every other page.
  async sendMakeSafe(stop) {
    const act = await this.makeSafe(stop.site, { timeoutMs: SEND_TIMEOUT_MS });
    this.begun.add(act.id);
    takeMaking(this.model, act);
    this.stops = this.stops.filter((one) => one !== stop);
  }

  // True when one of the changes is about an act: how far it is comes with the next look at /api/now.
  changed(changes) {
    for (const stop of this.stops) for (const change of changes) takeChange(stop, change);
    this.tick();
    const steps = new Set(this.model.makings.flatMap((act) => act.steps.map((step) => step.ulid)));
    return changes.some((change) => steps.has(change.job?.ulid) || change.job?.command_class === "stop");
  }

  acts() {
    const { alarms, makings } = this.model;
    return actsShown(makings, alarms, this.clock.now()).filter((act) => !this.putAway.has(act.id));
  }

  // ---- drawing

  tick() {
    for (const stop of this.stops) takeAlarms(stop, this.model.alarms);
    this.draw();
    this.alarm();
  }

  // Loud until it is picked up, or somebody puts the message away. What was begun elsewhere is loud as an alarm.
  alarm() {
    if (!this.troubles((act) => this.begun.has(act.id))) return;
    const now = this.clock.monotonic();
    if (now - (this.beepedAt ?? -Infinity) < BEEP_EVERY_MS) return;
    this.beepedAt = now;
    this.sound.beep();
  }

  // What is wrong with each stop and act, a line each.
  troubles(isMeant = () => true) {
    const now = this.clock.now();
    const ofStops = this.stops.map((stop) => stopTrouble(stop, now));
    const ofActs = this.acts().filter(isMeant).map((act) => actTrouble(act, this.model.alarms));
    return [...new Set([...ofStops, ...ofActs])].filter(Boolean).join("\n");
  }

  draw() {
    const { here, site } = this;
    const sites = this.sites();
    const corner = this.drawCorner();
    show(this.root, sites.length || this.stops.length || this.acts().length || corner);
    show(here.stopRow, sites.length);
    this.chooser.draw(sites, site, this.inView);
    for (const button of [here.stop, here.more]) show(button, site);
    if (!site) this.toggleMore(false);
    show(here.all, sites.length > 1 && !this.model.many);
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
    return `Stops ${this.site}, then parks the mount${close}. The server does it: this page may be closed meanwhile.`;
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

  drawProof() {
    const { here, stops } = this;
    const now = this.clock.now();
    const acts = this.acts();
    const troubles = this.troubles();
    show(here.proofBox, stops.length || acts.length);
    show(here.clear, stops.some((stop) => isOver(stop, now)) || acts.some(isActOver));
    setAttr(here.proofBox, "data-trouble", troubles ? "yes" : null);
    setText(here.trouble, troubles);
    const blocks = [
      ...acts.map((act) => actLines(act, this.model.alarms, now)),
      ...stops.map((stop) => [{ state: stopState(stop, now), words: stopWords(stop, now), pickedMs: stop.pickedMs }]),
    ];
    this.drawLines(blocks);
    this.say(blocks.flat());
  }

  // Each stop and act is set off from the one before.
  drawLines(blocks) {
    const shown = blocks.flatMap((block) => block.map((line, at) => ({ ...line, first: at === 0 })));
    const elements = keyed(this.here.proof, [...shown.keys()], () => clone("t-line"));
    elements.forEach((element, at) => {
      setText(element, shown[at].words);
      setAttr(element, "data-step", shown[at].state);
      setAttr(element, "data-first", shown[at].first ? "" : null);
    });
  }

  // The last proof that came, whichever stop or act it belongs to.
  say(lines) {
    const proved = lines.filter((line) => line.state === "picked_up");
    const words = proved.sort((one, other) => one.pickedMs - other.pickedMs).at(-1)?.words || "";
    if (words && words !== this.said) announce(words);
    this.said = words;
  }
}

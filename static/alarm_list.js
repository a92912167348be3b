// The alarms on the screen Now, those of a site in one line, with their acknowledgement, the line about them on the other screens, and their
// sound, which goes on until each loud one was acknowledged.

import { mayAcknowledge } from "./acts.js";
import { ageWords, groupsOf, groupTodo, groupWords, nameOf, sounding, summaryWords, unseen } from "./alarms.js";
import { clone, keyed, parts, setAttr, setMore, setProblem, setText, setTip, show } from "./dom.js";
import { countPhases, openJobs, setAlarms } from "./model.js";
import { jobRoute } from "./route.js";
import { sitesRoute } from "./sites_filter.js";
import { zoneOf } from "./sky.js";
import { bothTimes, dayOrClock } from "./time.js";
import { besides } from "./words.js";

const ALL_ALARMS = sitesRoute({ alarms: true });
const BEEP_EVERY_MS = 5000;
// Who clicks sooner after a change has aimed at what stood there before.
const SETTLES_MS = 500;
const SPOKEN = 3;
// Of many sites so many have their alarms in the list; the table has all.
const GROUPS_SHOWN = 3;

export class AlarmList {
  constructor({ root, line, strip, button, region, model, clock, api, sound, stop }) {
    Object.assign(this, { here: parts(root), root, line, strip, button, region, model, clock, api, sound, stop });
    Object.assign(this, { known: new Set(), beepedAt: -Infinity, onNow: false, order: "" });
    button.addEventListener("click", () => this.toggleSound());
    this.here.soundOn.addEventListener("click", () => { this.toggleSound(); this.focusTitle(); });
    parts(line).link.addEventListener("click", (event) => { if (this.onNow) this.scrollUp(event); });
    addEventListener("scroll", () => this.drawLine(), { passive: true });
  }

  toggleSound() {
    this.sound.arm(!this.sound.armed);
    if (this.sound.armed) this.sound.beep();
    this.drawSound();
  }

  // `onNow`: the screen with the list is shown, `site`: as the Now of that site alone; `dead`: the page is not live.
  update({ onNow, dead, site = "" }) {
    Object.assign(this, { onNow, site });
    this.draw();
    this.drawLine();
    this.drawSound();
    this.say();
    this.ring(dead);
  }

  // On Now the line lies over the page while the list is scrolled away: it must not move what it is about.
  drawLine() {
    const words = summaryWords(this.model.alarms);
    const summary = words && this.onNow && this.isListInView() ? "" : words;
    show(this.line, summary);
    setAttr(this.line, "data-over", this.onNow ? "yes" : null);
    setText(parts(this.line).summary, summary);
  }

  // The first line that sounds, which the line would name: is it to be seen below the strip?
  isListInView() {
    const top = this.strip.getBoundingClientRect().bottom;
    this.line.style.setProperty("--strip-bottom", `${top}px`);
    const first = this.here.list.querySelector(":scope > [data-loud]:not([data-acked])") || this.root;
    const box = first.getBoundingClientRect();
    return box.bottom > top && box.top < innerHeight;
  }

  scrollUp(event) {
    event.preventDefault();
    scrollTo(0, 0);
    this.focusTitle();
  }

  focusTitle() {
    this.here.title.focus({ preventScroll: true });
  }

  ring(dead) {
    const loud = dead || sounding(this.model.alarms).length > 0;
    const now = this.clock.monotonic();
    if (!loud || !this.sound.armed || now - this.beepedAt < BEEP_EVERY_MS) return;
    this.beepedAt = now;
    this.sound.beep();
  }

  // Listeners hear each alarm once, when it comes.
  say() {
    const fresh = unseen(this.model.alarms).filter((alarm) => !this.known.has(nameOf(alarm)));
    this.known = new Set(this.model.alarms.map(nameOf));
    if (!fresh.length) return;
    const more = fresh.length > SPOKEN ? [`And ${fresh.length - SPOKEN} more alarms`] : [];
    setText(this.region, [...fresh.slice(0, SPOKEN).map((alarm) => alarm.sentence.replace(/\.$/, "")), ...more].join(". "));
  }

  drawSound() {
    show(this.here.soundOn, !this.sound.armed && sounding(this.model.alarms).length);
    const words = this.sound.armed ? (this.sound.isHeard() ? "Sound ON" : "Sound blocked") : "Sound off";
    setText(parts(this.button).sound, words);
    setAttr(this.button, "aria-pressed", String(this.sound.armed));
    setTip(this.button, this.sound.armed ? "Alarms are heard here" : "Alarms are silent here: click to hear them");
  }

  // Nothing moves while a STOP of the list is held.
  draw() {
    const { alarms } = this.model;
    const isShown = ({ site }) => !this.site || !site || site === this.site;
    const all = groupsOf(alarms);
    const wanted = all.filter(isShown);
    const groups = this.model.many ? wanted.slice(0, GROUPS_SHOWN) : wanted;
    show(this.root, groups.length);
    setAttr(this.root, "data-many", this.model.many ? "yes" : null);
    if (this.here.list.querySelector("[data-holding]")) return;
    const rows = keyed(this.here.list, groups.map((group) => group.name), (name) => this.makeGroup(name));
    groups.forEach((group, at) => this.drawGroup(parts(rows[at]), group));
    this.drawAll(groups, wanted.length - groups.length, all.length - wanted.length);
    this.settle(groups);
  }

  // Just after a change only the STOPs of the list take the pointer: another button may lie under the pointer by chance, or may
  // acknowledge an alarm that has just come.
  settle(groups) {
    const order = groups.flatMap(({ alarms }) => alarms.map((alarm) => `${nameOf(alarm)} ${Boolean(alarm.ack)}`)).join("\n");
    if (order === this.order) return;
    this.order = order;
    clearTimeout(this.settling);
    setAttr(this.root, "data-settling", "yes");
    this.settling = setTimeout(() => setAttr(this.root, "data-settling", null), SETTLES_MS);
  }

  // The list leaves room for the panels and scrolls: what is out of its sight is named below it.
  drawAll(groups, more, elsewhere) {
    const { list, all, others } = this.here;
    const isCut = list.scrollHeight > list.clientHeight + 1;
    const sites = groups.map((group) => group.site).filter(Boolean).map(besides).join(", ");
    setText(all, `Scroll for all ${groups.length}${sites && `: ${sites}`}`);
    show(all, isCut);
    const count = more + elsewhere;
    setText(others, `Alarms at ${count === 1 ? "1 more site" : `${count} more sites`}: show them`);
    setAttr(others, "href", this.model.many ? ALL_ALARMS : "#/now");
    show(others, count > 0);
  }

  // ---- the alarms of one site

  makeGroup(name) {
    const row = clone("t-alarm-group");
    const here = parts(row);
    const group = () => groupsOf(this.model.alarms).find((one) => one.name === name);
    here.ackAll.addEventListener("click", () => this.acknowledge(here.ackAll, here.groupProblem, group()?.alarms || []));
    here.unfold.addEventListener("click", () => {
      setAttr(here.unfold, "aria-expanded", String(here.rows.hidden));
      this.draw();
    });
    row.addEventListener("click", () => this.stop.choose(group()?.site));
    this.stop.bind(here.stopHere, () => group()?.site);
    return row;
  }

  // One alarm alone is its own line.
  drawGroup(here, group) {
    const { alarms, site } = group;
    const isFolded = alarms.length > 1 && here.unfold.getAttribute("aria-expanded") !== "true";
    const isSeen = !unseen(alarms).length;
    setAttr(here.group, "data-acked", isSeen ? "yes" : null);
    setAttr(here.group, "data-loud", sounding(alarms).length || (isSeen && alarms.some((one) => one.loud)) ? "yes" : null);
    show(here.groupHead, alarms.length > 1);
    const waiting = countPhases(openJobs(this.model, site)).waiting || 0;
    setText(here.groupWords, groupWords(group, Math.max(waiting, this.model.sites.get(site)?.counts?.waiting || 0), this.clock.now()));
    setText(here.groupTodo, groupTodo(group));
    setText(here.unfold, isFolded ? `Show the ${alarms.length} alarms` : "Fold");
    show(here.ackAll, mayAcknowledge(this.model.user, site));
    setText(here.ackAll, isSeen ? "Sound again" : "Acknowledge all");
    this.stop.drawHere(here.stopHere, site);
    show(here.rows, !isFolded);
    this.drawAlarms(here.rows, isFolded ? [] : alarms);
  }

  drawAlarms(list, alarms) {
    const rows = keyed(list, alarms.map(nameOf), (name) => this.makeRow(name));
    const { around, user } = this.model;
    const now = this.clock.now();
    alarms.forEach((alarm, at) => drawAlarm(parts(rows[at]), alarm, now, mayAcknowledge(user, alarm.site), zoneOf(around, alarm.site)));
  }

  makeRow(name) {
    const row = clone("t-alarm");
    const here = parts(row);
    const own = () => this.model.alarms.filter((one) => nameOf(one) === name);
    here.ack.addEventListener("click", () => this.acknowledge(here.ack, here.problem, own()));
    return row;
  }

  // The same button takes an acknowledgement back, once all were seen.
  async acknowledge(button, problem, alarms) {
    // A key, which goes to a button wherever the pointer is.
    if (!alarms.length || this.root.hasAttribute("data-settling")) return;
    const fresh = unseen(alarms);
    button.disabled = true;
    setText(problem, "");
    try {
      const verb = fresh.length ? this.api.post : this.api.remove;
      const keys = (fresh.length ? fresh : alarms).map((alarm) => alarm.key);
      setAlarms(this.model, (await verb("alarms/ack", { keys })).alarms);
      this.draw();
    } catch (error) {
      // They are over, and whoever clicked has seen them.
      if (error.status === 404) this.drop(alarms.map(nameOf));
      else setProblem(problem, error.message, error);
    }
    button.disabled = false;
  }

  drop(names) {
    setAlarms(this.model, this.model.alarms.filter((alarm) => !names.includes(nameOf(alarm))));
    this.draw();
  }
}

function drawAlarm(here, alarm, now, mayAck, zone) {
  setAttr(here.row, "data-acked", alarm.ack ? "yes" : null);
  setAttr(here.row, "data-loud", alarm.loud ? "yes" : null);
  setAttr(here.row, "data-kind", alarm.kind);
  setText(here.words, alarm.sentence);
  setText(here.age, ageWords(alarm, now));
  setTip(here.age, Number.isFinite(alarm.since_ms) ? `Since ${bothTimes(alarm.since_ms, zone)}` : "");
  setText(here.todo, alarm.todo);
  setMore(here.more, alarm.manual);
  show(here.link, alarm.ulid);
  if (alarm.ulid) setAttr(here.link, "href", jobRoute(alarm.ulid));
  setText(here.acked, alarm.ack ? `seen by ${alarm.ack.who} ${dayOrClock(alarm.ack.time_ms, now)}` : "");
  setTip(here.acked, alarm.ack ? bothTimes(alarm.ack.time_ms, zone) : "");
  show(here.ack, mayAck);
  setText(here.ack, alarm.ack ? "Sound again" : "Acknowledge");
}

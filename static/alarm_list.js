// The alarms on the screen Now with their acknowledgement, the line about them on the other screens, and their
// sound, which goes on until each loud one was acknowledged.

import { mayCommand } from "./acts.js";
import { ageWords, nameOf, sounding, summaryWords, unseen } from "./alarms.js";
import { clone, keyed, parts, setAttr, setMore, setProblem, setText, setTip, show } from "./dom.js";
import { jobRoute } from "./route.js";
import { zoneOf } from "./sky.js";
import { bothTimes, utcClock } from "./time.js";

const BEEP_EVERY_MS = 5000;

export class AlarmList {
  constructor({ root, line, strip, button, region, model, clock, api, sound }) {
    Object.assign(this, { here: parts(root), root, line, strip, button, region, model, clock, api, sound });
    Object.assign(this, { known: new Set(), beepedAt: -Infinity, onNow: false });
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

  // `onNow`: the screen with the list is shown; `dead`: the page is not live.
  update({ onNow, dead }) {
    this.onNow = onNow;
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

  // The first alarm that sounds, which the line would name: is it to be seen below the strip?
  isListInView() {
    const top = this.strip.getBoundingClientRect().bottom;
    this.line.style.setProperty("--strip-bottom", `${top}px`);
    const first = this.here.list.querySelector("[data-loud]:not([data-acked])") || this.root;
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
    if (fresh.length) setText(this.region, fresh.map((alarm) => alarm.sentence.replace(/\.$/, "")).join(". "));
  }

  drawSound() {
    show(this.here.soundOn, !this.sound.armed && sounding(this.model.alarms).length);
    const words = this.sound.armed ? (this.sound.isHeard() ? "Sound ON" : "Sound blocked") : "Sound off";
    setText(parts(this.button).sound, words);
    setAttr(this.button, "aria-pressed", String(this.sound.armed));
    setTip(this.button, this.sound.armed ? "Alarms are heard here" : "Alarms are silent here: click to hear them");
  }

  draw() {
    const { alarms } = this.model;
    const now = this.clock.now();
    show(this.root, alarms.length);
    const rows = keyed(this.here.list, alarms.map(nameOf), (name) => this.makeRow(name));
    const { around, user } = this.model;
    alarms.forEach((alarm, at) => drawAlarm(parts(rows[at]), alarm, now, mayCommand(user), zoneOf(around, alarm.site)));
  }

  makeRow(name) {
    const row = clone("t-alarm");
    parts(row).ack.addEventListener("click", () => this.acknowledge(row, name));
    return row;
  }

  // The same button takes an acknowledgement back.
  async acknowledge(row, name) {
    const here = parts(row);
    const alarm = this.model.alarms.find((one) => nameOf(one) === name);
    here.ack.disabled = true;
    setText(here.problem, "");
    try {
      const verb = alarm.ack ? this.api.remove : this.api.post;
      this.model.alarms = (await verb("alarms/ack", { key: alarm.key })).alarms;
      this.draw();
    } catch (error) {
      // It is over, and whoever clicked has seen it.
      if (error.status === 404) this.drop(name);
      else setProblem(here.problem, error.message, error);
    }
    here.ack.disabled = false;
  }

  drop(name) {
    this.model.alarms = this.model.alarms.filter((alarm) => nameOf(alarm) !== name);
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
  setText(here.acked, alarm.ack ? `seen by ${alarm.ack.who} ${utcClock(alarm.ack.time_ms)}` : "");
  setTip(here.acked, alarm.ack ? bothTimes(alarm.ack.time_ms, zone) : "");
  show(here.ack, mayAck);
  setText(here.ack, alarm.ack ? "Sound again" : "Acknowledge");
}

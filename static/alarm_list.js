// The alarms on the screen Now with their acknowledgement, the line about them on the other screens, and their
// sound, which goes on until each loud one was acknowledged.

import { mayCommand } from "./acts.js";
import { ageWords, nameOf, sounding, summaryWords, unseen } from "./alarms.js";
import { clone, keyed, parts, setAttr, setText, setTip, show } from "./dom.js";
import { jobRoute } from "./route.js";
import { bothTimes, utcClock } from "./time.js";

const BEEP_EVERY_MS = 5000;

export class AlarmList {
  constructor({ root, line, button, region, model, clock, api, sound }) {
    Object.assign(this, { here: parts(root), root, line, button, region, model, clock, api, sound });
    Object.assign(this, { known: new Set(), beepedAt: -Infinity });
    button.addEventListener("click", () => this.toggleSound());
  }

  toggleSound() {
    this.sound.arm(!this.sound.armed);
    if (this.sound.armed) this.sound.beep();
    this.drawSound();
  }

  // `onNow`: the list itself is in view; `dead`: the page is not live.
  update({ onNow, dead }) {
    const summary = onNow ? "" : summaryWords(this.model.alarms);
    show(this.line, summary);
    setText(parts(this.line).summary, summary);
    this.draw();
    this.drawSound();
    this.say();
    this.ring(dead);
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
    alarms.forEach((alarm, at) => drawAlarm(parts(rows[at]), alarm, now, mayCommand(this.model.user)));
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
      else setText(here.problem, error.message);
    }
    here.ack.disabled = false;
  }

  drop(name) {
    this.model.alarms = this.model.alarms.filter((alarm) => nameOf(alarm) !== name);
    this.draw();
  }
}

function drawAlarm(here, alarm, now, mayAck) {
  setAttr(here.row, "data-acked", alarm.ack ? "yes" : null);
  setAttr(here.row, "data-loud", alarm.loud ? "yes" : null);
  setAttr(here.row, "data-kind", alarm.kind);
  setText(here.words, alarm.sentence);
  setText(here.age, ageWords(alarm, now));
  setTip(here.age, Number.isFinite(alarm.since_ms) ? `Since ${bothTimes(alarm.since_ms)}` : "");
  setText(here.todo, alarm.todo);
  show(here.link, alarm.ulid);
  if (alarm.ulid) setAttr(here.link, "href", jobRoute(alarm.ulid));
  setText(here.acked, alarm.ack ? `seen by ${alarm.ack.who} ${utcClock(alarm.ack.time_ms)}` : "");
  setTip(here.acked, alarm.ack ? bothTimes(alarm.ack.time_ms) : "");
  show(here.ack, mayAck);
  setText(here.ack, alarm.ack ? "Sound again" : "Acknowledge");
}

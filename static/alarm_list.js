// The alarms on the screen Now with their acknowledgement, the line about them on the other screens, and their
// sound, which goes on until each loud one was acknowledged.

import { listAlarms, summaryWords, unseen } from "./alarms.js";
import { clone, keyed, parts, setAttr, setText, setTip, show } from "./dom.js";
import { jobRoute } from "./route.js";
import { bothTimes, utcClock } from "./time.js";

const BEEP_EVERY_MS = 5000;

export class AlarmList {
  constructor({ root, line, button, region, model, clock, api, sound }) {
    Object.assign(this, { here: parts(root), root, line, button, region, model, clock, api, sound });
    Object.assign(this, { alarms: [], known: new Set(), beepedAt: -Infinity });
    button.addEventListener("click", () => this.toggleSound());
  }

  toggleSound() {
    this.sound.arm(!this.sound.armed);
    if (this.sound.armed) this.sound.beep();
    this.drawSound();
  }

  // `onNow`: the list itself is in view; `dead`: the page is not live.
  update({ onNow, dead }) {
    this.alarms = listAlarms(this.model, this.clock.now());
    const summary = onNow ? "" : summaryWords(this.alarms);
    show(this.line, summary);
    setText(parts(this.line).summary, summary);
    this.draw();
    this.drawSound();
    this.say();
    this.ring(dead);
  }

  ring(dead) {
    const loud = dead || unseen(this.alarms).some((alarm) => alarm.loud);
    const now = this.clock.monotonic();
    if (!loud || !this.sound.armed || now - this.beepedAt < BEEP_EVERY_MS) return;
    this.beepedAt = now;
    this.sound.beep();
  }

  // Listeners hear each alarm once, when it comes.
  say() {
    const fresh = unseen(this.alarms).filter((alarm) => !this.known.has(alarm.key));
    this.known = new Set(this.alarms.map((alarm) => alarm.key));
    if (fresh.length) setText(this.region, fresh.map((alarm) => alarm.words).join(". "));
  }

  drawSound() {
    const words = this.sound.armed ? (this.sound.isHeard() ? "Sound ON" : "Sound blocked") : "Sound off";
    setText(parts(this.button).sound, words);
    setAttr(this.button, "aria-pressed", String(this.sound.armed));
    setTip(this.button, this.sound.armed ? "Alarms are heard here" : "Alarms are silent here: click to hear them");
  }

  draw() {
    show(this.root, this.alarms.length);
    const rows = keyed(this.here.list, this.alarms.map((alarm) => alarm.key), (key) => this.makeRow(key));
    this.alarms.forEach((alarm, at) => drawAlarm(parts(rows[at]), alarm, Boolean(this.model.user)));
  }

  makeRow(key) {
    const row = clone("t-alarm");
    parts(row).ack.addEventListener("click", () => this.acknowledge(row, key));
    return row;
  }

  // The same button takes an acknowledgement back.
  async acknowledge(row, key) {
    const here = parts(row);
    const verb = this.model.acks[key] ? this.api.remove : this.api.post;
    here.ack.disabled = true;
    setText(here.problem, "");
    try {
      this.model.acks = (await verb("alarms/ack", { key })).acks;
      this.alarms = listAlarms(this.model, this.clock.now());
      this.draw();
    } catch (error) {
      setText(here.problem, error.message);
    }
    here.ack.disabled = false;
  }
}

function drawAlarm(here, alarm, mayAck) {
  setAttr(here.row, "data-acked", alarm.ack ? "yes" : null);
  setAttr(here.row, "data-loud", alarm.loud ? "yes" : null);
  setText(here.words, alarm.words);
  setText(here.todo, alarm.todo);
  show(here.link, alarm.ulid);
  if (alarm.ulid) setAttr(here.link, "href", jobRoute(alarm.ulid));
  setText(here.acked, alarm.ack ? `seen by ${alarm.ack.who} ${utcClock(alarm.ack.time_ms)}` : "");
  setTip(here.acked, alarm.ack ? bothTimes(alarm.ack.time_ms) : "");
  show(here.ack, mayAck);
  setText(here.ack, alarm.ack ? "Sound again" : "Acknowledge");
}

// The screen Send: a command from the catalogue, or one by hand, with its parameters and the JSON that will go out.
// What was typed stays when the server refuses it.

import { commandBody, mayCommand } from "./acts.js";
import { CommandNotes } from "./command_notes.js";
import {
  BY_HAND, commandKey, devicesOf, fieldsOf, findCommands, plainLabel, readByHand, readFields,
} from "./commands.js";
import { announce, clone, keyed, parts, setAttr, setProblem, setText, show } from "./dom.js";
import { drawChips, makeChip, makeField } from "./fields.js";
import { busiest, knownInstance, siteNames } from "./model.js";
import { jobRoute } from "./route.js";
import { SiteFinder } from "./site_finder.js";
import { utcClock } from "./time.js";

const HAND_FIELDS = [
  { name: "device", kind: "text", required: true, example: "camera" },
  { name: "action", kind: "text", required: true, example: "expose" },
  { name: "required", label: "required_params", kind: "json", required: false, example: "{}" },
  { name: "optional", label: "optional_params", kind: "json", required: false, example: "{}" },
];

export class SendScreen {
  constructor({ root, model, clock, api, send }) {
    Object.assign(this, { root, model, clock, api, sendCommand: send, here: parts(root) });
    Object.assign(this, { commands: null, chosenSite: "", device: "", command: null, typed: {}, instance: null });
    this.notes = new CommandNotes(this.here.notes, api);
    this.finder = new SiteFinder({ field: this.here.find, model, choose: (site) => this.choose(site), changed: () => this.update() });
    this.here.search.addEventListener("input", () => this.drawList());
    this.here.instance.addEventListener("input", () => { this.instance = this.here.instance.value; this.drawPreview(); });
    this.here.form.addEventListener("submit", (event) => { event.preventDefault(); this.submit(); });
  }

  show() {
    this.visible = true;
    if (!this.commands) this.load();
    this.update();
  }

  hide() {
    this.visible = false;
  }

  site() {
    return this.chosenSite;
  }

  reload() {
    this.commands = null;
    if (this.visible) this.load();
  }

  tick() {}

  async load() {
    setText(this.here.foot, "Loading…");
    try {
      this.commands = (await this.api.get("commands")).commands;
      this.device ||= devicesOf(this.commands)[0] || BY_HAND;
      setText(this.here.foot, "");
    } catch (error) {
      setText(this.here.foot, `The catalogue could not be loaded. ${error.message}`);
    }
    this.update();
  }

  update() {
    if (!this.visible) return;
    const { here, model } = this;
    show(here.locked, model.loaded && !model.user);
    show(here.looksOnly, model.user && !mayCommand(model.user));
    show(here.columns, mayCommand(model.user) && this.commands);
    if (!mayCommand(model.user) || !this.commands) return;
    this.drawSites();
    this.drawDevices();
    this.drawList();
    this.drawPreview();
  }

  // ---- choosing

  drawSites() {
    const known = siteNames(this.model);
    if (!known.includes(this.chosenSite)) this.chosenSite = this.model.many ? "" : busiest(this.model, known);
    const sites = this.finder.sites(this.chosenSite);
    const chips = keyed(this.here.sites, sites, (site) => makeChip(site, () => this.choose(site)));
    drawChips(chips, sites, this.chosenSite);
    show(this.here.noSite, !known.length);
    setText(this.here.siteNote, this.siteNote());
    show(this.here.siteNote, this.siteNote());
  }

  choose(site) {
    this.finder.clear();
    this.chosenSite = site;
    this.chosen();
  }

  // The server's sentence about a site that never polled: nobody fetches a job there.
  siteNote() {
    return this.model.sites.get(this.chosenSite)?.note || "";
  }

  drawDevices() {
    const devices = [...devicesOf(this.commands), BY_HAND];
    const chips = keyed(this.here.devices, devices, (device) => makeChip(device, () => this.pickDevice(device)));
    drawChips(chips, devices, this.here.search.value ? "" : this.device);
  }

  pickDevice(device) {
    this.device = device;
    this.here.search.value = "";
    if (device === BY_HAND) this.pick(BY_HAND);
    this.update();
  }

  drawList() {
    const found = findCommands(this.commands, this.device, this.here.search.value);
    const rows = keyed(this.here.list, found.map(commandKey), () => clone("t-command"));
    found.forEach((command, at) => this.drawCommand(parts(rows[at]), command));
    show(this.here.none, !found.length && this.here.search.value);
  }

  drawCommand(here, command) {
    setText(here.label, plainLabel(command));
    setText(here.words, commandKey(command));
    setAttr(here.pick, "aria-pressed", String(this.command === command));
    here.pick.onclick = () => this.pick(command);
  }

  pick(command) {
    Object.assign(this, { command, typed: {}, instance: null });
    for (const part of [this.here.problem, this.here.sent]) setText(part, "");
    this.drawForm();
    this.chosen();
    this.here.title.focus({ preventScroll: false });
  }

  chosen() {
    if (this.instance === null) this.here.instance.value = this.guessInstance();
    this.update();
  }

  guessInstance() {
    if (this.command?.device === "all") return "all";
    if (!this.command || this.command === BY_HAND) return "";
    return knownInstance(this.model, this.chosenSite, this.command.device);
  }

  // ---- the form

  fields() {
    return this.command === BY_HAND ? HAND_FIELDS : fieldsOf(this.command);
  }

  drawForm() {
    const { here, command } = this;
    show(here.form, command);
    setText(here.title, command === BY_HAND ? "A command by hand" : plainLabel(command));
    setText(here.note, command.note || "");
    const fields = this.fields();
    const make = (field) => makeField(field, (text) => { this.typed[field.name] = text; this.drawPreview(); });
    here.required.replaceChildren(...fields.filter((field) => field.required).map(make));
    here.optional.replaceChildren(...fields.filter((field) => !field.required).map(make));
    show(here.optionalBox, fields.some((field) => !field.required));
  }

  read() {
    const read = this.command === BY_HAND
      ? readByHand(this.typed) : { ...this.command, ...readFields(this.fields(), this.typed) };
    if (!this.chosenSite) read.problems.push("there is no site to send it to");
    return { ...read, site: this.chosenSite, instance: this.here.instance.value.trim() };
  }

  drawPreview() {
    if (!this.command || !this.model.user) return;
    const read = this.read();
    setText(this.here.preview, JSON.stringify(commandBody(read, this.model.user), null, 2));
    this.notes.about(read);
    setText(this.here.missing, read.problems.join(" · "));
    setText(this.here.submit, this.sending ? "Sending…" : `Send to ${this.chosenSite || "–"}`);
    this.here.submit.disabled = this.sending || read.problems.length > 0;
  }

  async submit() {
    const { here } = this;
    const read = this.read();
    if (this.sending || read.problems.length) return;
    this.sending = true;
    for (const part of [here.problem, here.sent]) setText(part, "");
    this.drawPreview();
    try {
      const job = await this.sendCommand(read);
      this.showSent(job, read);
    } catch (error) {
      setProblem(here.problem, `Not sent. ${error.message}`, error);
    }
    this.sending = false;
    this.drawPreview();
  }

  showSent(job, { site }) {
    const link = document.createElement("a");
    link.href = jobRoute(job.ulid);
    setText(link, "open the job");
    this.here.sent.replaceChildren(`Sent to ${site} ${utcClock(this.clock.now())} UTC · `, link);
    const note = this.api.noteOf(job) || this.siteNote();
    if (note) this.here.sent.append(noteLine(note));
    announce(`Sent to ${site}. ${note}`.trim());
  }
}

function noteLine(note) {
  const line = document.createElement("span");
  line.className = "sent-note";
  setText(line, note);
  return line;
}

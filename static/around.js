// What the page asks for now and then besides the live feed: reservations, the sky, whether the user may command,
// the settings. The live loop calls it between two rounds, so that requests never overlap.

import { dayOrClock, MINUTE, SECOND } from "./time.js";

const TIMEOUT_MS = 3000;
// Who has the site, and whether the user may command it, while somebody looks.
export const LOOKED_AT_MS = 10 * SECOND;

export function newAround() {
  const reservationsAsked = { asOfMs: null, problem: "" };
  return { mode: "none", reservations: [], reservationsAsked, sky: new Map(), may: new Map(), settings: null };
}

// What must stand beside the reservations that are known: "" while they are fresh.
export function reservationsDoubt({ reservationsAsked: { asOfMs, problem } }, nowMs) {
  if (!problem) return "";
  const known = asOfMs === null ? "Reservations are not known" : `Reservations as of ${dayOrClock(asOfMs, nowMs)} UTC`;
  return `${known}: ${problem}`;
}

// What is asked for, how often, and where the answer goes.
export function tasksFor(model, nowMs) {
  const { around, user } = model;
  const sites = [...model.sites.keys()];
  const tasks = sites.filter(() => user).map((site) => mayTask(around, user, site));
  if (user?.roles?.includes("admin")) tasks.push(settingsTask(around, user));
  if (model.loaded) tasks.push(reservationsTask(around, nowMs), ...sites.map((site) => skyTask(around, site)));
  return tasks;
}

function mayTask(around, user, site) {
  const params = { site, device: "all", action: "cancel_all_commands" };
  const take = (answer) => around.may.set(site, answer);
  const failed = ({ message }) => around.may.set(site, doubted(around.may.get(site), message));
  return { key: `may/${user.user_id}/${site}`, path: "may", params, everyMs: LOOKED_AT_MS, take, failed };
}

// A yes is worth nothing once it cannot be asked for again; a no keeps its reason.
function doubted(known, sentence) {
  return known && !known.may ? known : { may: false, why: `Whether you may command could not be asked: ${sentence}` };
}

function settingsTask(around, user) {
  const take = (answer) => { around.settings = answer.settings; };
  return { key: `settings/${user.user_id}`, path: "settings", everyMs: 10 * MINUTE, take };
}

function reservationsTask(around, nowMs) {
  const take = ({ mode, reservations }) => {
    Object.assign(around, { mode, reservations, reservationsAsked: { asOfMs: nowMs, problem: "" } });
  };
  const failed = ({ message }) => { around.reservationsAsked.problem = message; };
  return { key: "reservations", path: "reservations", everyMs: LOOKED_AT_MS, take, failed };
}

// What is known of a site stays while the server cannot be asked.
function skyTask(around, site) {
  const take = (answer) => around.sky.set(site, answer);
  const failed = ({ status }) => { if (status === 403) around.sky.delete(site); };
  return { key: `sky/${site}`, path: "sky", params: { site }, everyMs: 10 * MINUTE, take, failed };
}

export class Around {
  constructor({ api, model, clock, told, hidden = () => document.hidden }) {
    Object.assign(this, { api, model, clock, told, hidden, askedAt: new Map() });
  }

  // Everything is asked for again: another server, or something was changed here.
  forget(key = "") {
    for (const known of [...this.askedAt.keys()]) if (known.startsWith(key)) this.askedAt.delete(known);
  }

  // The server refused somebody: what the page knows of it may be old.
  refused() {
    for (const key of ["may", "reservations"]) this.forget(key);
    return this.step();
  }

  isDue({ key, everyMs }) {
    const every = this.hidden() ? Math.max(MINUTE, everyMs) : everyMs;
    return this.clock.monotonic() - (this.askedAt.get(key) ?? -Infinity) >= every;
  }

  async step() {
    const due = tasksFor(this.model, this.clock.now()).filter((task) => this.isDue(task));
    for (const task of due) if (!(await this.ask(task))) break;
    if (due.length) this.told();
  }

  // False when the server cannot be reached: then the rest is not asked for either.
  async ask(task) {
    this.askedAt.set(task.key, this.clock.monotonic());
    try {
      task.take(await this.api.get(task.path, task.params, { timeoutMs: TIMEOUT_MS }));
      return true;
    } catch (error) {
      task.failed?.(error);
      if (error.status === 0) this.askedAt.delete(task.key);
      return error.status !== 0;
    }
  }
}

// What the page asks for now and then besides the live feed: reservations, the sky, whether the user may command,
// the settings. The live loop calls it between two rounds, so that requests never overlap.

import { MINUTE } from "./time.js";

const TIMEOUT_MS = 3000;

export function newAround() {
  return { mode: "none", reservations: [], sky: new Map(), may: new Map(), settings: null };
}

// What is asked for, how often, and where the answer goes.
export function tasksFor(model) {
  const { around, user } = model;
  const sites = [...model.sites.keys()];
  const tasks = sites.filter(() => user).map((site) => mayTask(around, user, site));
  if (user?.roles?.includes("admin")) tasks.push(settingsTask(around, user));
  if (model.loaded) tasks.push(reservationsTask(around), ...sites.map((site) => skyTask(around, site)));
  return tasks;
}

function mayTask(around, user, site) {
  const params = { site, device: "all", action: "cancel_all_commands" };
  const take = (answer) => around.may.set(site, answer);
  return { key: `may/${user.user_id}/${site}`, path: "may", params, everyMs: MINUTE, take };
}

function settingsTask(around, user) {
  const take = (answer) => { around.settings = answer.settings; };
  return { key: `settings/${user.user_id}`, path: "settings", everyMs: 10 * MINUTE, take };
}

function reservationsTask(around) {
  const take = ({ mode, reservations }) => Object.assign(around, { mode, reservations });
  return { key: "reservations", path: "reservations", everyMs: MINUTE, take };
}

// A site without coordinates has no sky.
function skyTask(around, site) {
  const take = (answer) => around.sky.set(site, answer);
  const failed = () => around.sky.delete(site);
  return { key: `sky/${site}`, path: "sky", params: { site }, everyMs: 10 * MINUTE, take, failed };
}

export class Around {
  constructor({ api, model, clock, told }) {
    Object.assign(this, { api, model, clock, told, dueAt: new Map() });
  }

  // Everything is asked for again: another server, or something was changed here.
  forget(key = "") {
    for (const known of [...this.dueAt.keys()]) if (known.startsWith(key)) this.dueAt.delete(known);
  }

  async step() {
    const due = tasksFor(this.model).filter((task) => this.clock.monotonic() >= (this.dueAt.get(task.key) ?? 0));
    for (const task of due) if (!(await this.ask(task))) break;
    if (due.length) this.told();
  }

  // False when the server cannot be reached: then the rest is not asked for either.
  async ask(task) {
    this.dueAt.set(task.key, this.clock.monotonic() + task.everyMs);
    try {
      task.take(await this.api.get(task.path, task.params, { timeoutMs: TIMEOUT_MS }));
      return true;
    } catch (error) {
      task.failed?.(error);
      if (error.status === 0) this.dueAt.delete(task.key);
      return error.status !== 0;
    }
  }
}

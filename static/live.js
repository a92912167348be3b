// Keeps the model up to date for as long as the page is open: one loop, one request at a time. It holds a
// request for changes, looks at /api/now in between, waits longer after errors and while nobody looks. With many sites
// it asks for the table of sites, for the sites that somebody looks at, and for the changes of those alone.

import { Since } from "./clock.js";
import { addEvents, applyChanges, applyNow, applyRows, isAnotherServer, isMany } from "./model.js";

export const HOLD_S = 3;
export const NOW_EVERY_MS = 2500;
export const HIDDEN_PAUSE_MS = 15000;
// Between two requests, so that a busy night does not turn into a storm of them.
export const LEAST_PAUSE_MS = 250;
const SPARE_MS = 5000;
const OLD_EVENTS = 60;
// After so many full answers in a row it is cheaper to load everything anew than to replay the night.
const FULL_ANSWERS = 5;

// 1 s, 2 s, 4 s … 7 s where somebody looks, else up to 24 s, each a quarter more or less, so that fifty pages do
// not come back in step.
export function backoffMs(errors, random, hidden = false) {
  const ideal = Math.min(hidden ? 24000 : 7000, 1000 * 2 ** (errors - 1));
  return Math.max(1000, ideal * (0.75 + random / 2));
}

export function pauseMs({ more = false, again_s: againS = 0 }, hidden) {
  if (more) return 0;
  return Math.max(LEAST_PAUSE_MS, againS * 1000, hidden ? HIDDEN_PAUSE_MS : 0);
}

// A request for changes is held no longer than until /api/now is due: alarms come with that alone.
export function holdSeconds(sinceNowMs) {
  return Math.min(HOLD_S, Math.max(1, Math.ceil((NOW_EVERY_MS - sinceNowMs) / 1000)));
}

export class Live {
  // `told`: {loaded({again}), changed(changes), now(noted), failed(error), between()}, each optional; `between` may ask.
  // `looking`: {view, sites, all}: the view that the address forces, the sites that somebody looks at, and whether the
  // screen shows the changes of all sites.
  constructor({ api, model, clock, told, looking = () => ({}), hidden = () => document.hidden, random = Math.random }) {
    Object.assign(this, { api, model, clock, told, looking, hidden, random });
    this.answered = new Since();
    this.lookedAtNow = new Since();
    this.everAnswered = false;
    this.nowWanted = false;
    this.errors = 0;
    this.full = 0;
    this.loads = 0;
    this.problem = null;
    this.retryAt = 0;
  }

  async run() {
    for (;;) {
      try {
        const pause = await this.once();
        this.errors = 0;
        this.problem = null;
        await this.sleep(pause);
      } catch (error) {
        await this.failed(error);
      }
    }
  }

  async failed(error) {
    // Woken in the middle of a request: not the server's fault, and the next round comes at once.
    if (error.code === "aborted") return;
    if (error.name !== "ApiError") console.error(error);
    this.errors += 1;
    this.problem = error;
    this.told.failed?.(error);
    await this.sleep(backoffMs(this.errors, this.random(), this.hidden()));
  }

  // One round. Returns the pause before the next.
  async once() {
    if (!this.model.loaded) return this.load();
    const answer = this.feed() === null ? await this.rest() : await this.askChanges();
    if (!this.model.loaded) return 0;
    const due = this.nowWanted || this.lookedAtNow.ms() >= NOW_EVERY_MS;
    if (due && !answer.more) await this.lookAtNow();
    if (!answer.more) await this.told.between?.();
    return this.model.loaded ? pauseMs(answer, this.hidden()) : 0;
  }

  async load() {
    const { model } = this;
    // A load that fails counts: what a screen loaded by itself meanwhile may be another server's.
    this.loads += 1;
    const [now, rows] = await this.askNow("");
    Object.assign(model, { seq: 0, version: null, store: null, events: [], lately: [] });
    for (const known of [model.sites, model.open]) known.clear();
    this.takeNow(now, rows);
    model.seq = 0;
    const changes = await this.ask("changes", { last: OLD_EVENTS, site: this.feed() });
    const fresh = applyChanges(model, changes);
    this.full = 0;
    model.loaded = true;
    this.told.loaded?.({ again: this.loads > 1 });
    // What a screen loaded by itself a moment before may lack the last of them.
    if (fresh.length) this.told.changed?.(fresh);
    await this.told.between?.();
    return pauseMs(changes, false);
  }

  // The site whose changes are asked for: "" for all, null while somebody looks at the table alone.
  feed() {
    const { sites = [], all = true } = this.looking();
    if (!this.model.many || all || sites.length > 1) return "";
    return this.model.sites.has(sites[0]) ? sites[0] : null;
  }

  // The table comes with /api/now.
  async rest() {
    await this.sleep(Math.max(0, NOW_EVERY_MS - this.lookedAtNow.ms()));
    this.nowWanted = true;
    return {};
  }

  // What happened at a site before somebody looked at it.
  async loadEvents(site) {
    const { changes } = await this.api.get("changes", { last: OLD_EVENTS, site }, { timeoutMs: SPARE_MS });
    addEvents(this.model, changes);
  }

  async askChanges() {
    const wait = this.hidden() ? 0 : holdSeconds(this.lookedAtNow.ms());
    const params = { since: this.model.seq, wait, site: this.feed() };
    const answer = await this.ask("changes", params, wait * 1000 + SPARE_MS);
    this.full = answer.more ? this.full + 1 : 0;
    if (isAnotherServer(this.model, answer) || this.full >= FULL_ANSWERS) {
      this.model.loaded = false;
      return answer;
    }
    const fresh = applyChanges(this.model, answer);
    if (fresh.length) this.told.changed?.(fresh);
    return answer;
  }

  async lookAtNow() {
    const { model } = this;
    let [acts, answers] = [null, []];
    // An answer may be older than what somebody did here meanwhile, and would take it back for a moment.
    while (acts !== model.acts) {
      ({ acts } = model);
      answers = await this.askNow(model.mark);
    }
    const [now, rows] = answers;
    if (isAnotherServer(model, now)) model.loaded = false;
    else this.takeNow(now, rows);
  }

  // /api/now, and the rows of the table where the page shows one.
  async askNow(mark) {
    const { view = "", sites = [] } = this.looking();
    const which = view === "panels" ? "all" : view === "table" ? "named" : "few";
    const now = await this.ask("now", { sites: which, site: sites.join(","), alarms: this.model.alarmsMark });
    return [now, isMany(now, view) ? await this.ask("sites", { since: mark }) : null];
  }

  takeNow(now, rows) {
    const skipped = this.feed() === null;
    this.model.many = rows !== null;
    if (rows) applyRows(this.model, rows);
    else Object.assign(this.model, { rows: new Map(), mark: "" });
    const noted = applyNow(this.model, now);
    // The changes up to here were not asked for; the view of a site may be older than the answer.
    const seq = Math.min(now.seq, ...now.sites.map((site) => site.seq ?? now.seq));
    if (skipped && this.model.loaded) this.model.seq = Math.max(this.model.seq, seq);
    this.lookedAtNow.restart();
    this.nowWanted = false;
    this.told.now?.(noted);
  }

  async ask(path, params, timeoutMs = SPARE_MS) {
    this.asking = new AbortController();
    const sentAt = this.clock.monotonic();
    const answer = await this.api.get(path, params, { timeoutMs, signal: this.asking.signal });
    this.answered.restart();
    this.everAnswered = true;
    if (answer.time_ms) this.clock.note(answer.time_ms, sentAt, this.clock.monotonic());
    return answer;
  }

  sleep(ms) {
    this.retryAt = this.clock.monotonic() + ms;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.endSleep = () => { clearTimeout(timer); resolve(); };
    });
  }

  retryInMs() {
    return Math.max(0, this.retryAt - this.clock.monotonic());
  }

  // Ask now: somebody looks again, the net is back, or a button was pressed.
  wake({ impatient = false } = {}) {
    if (impatient) this.asking?.abort();
    this.nowWanted = true;
    this.endSleep?.();
  }
}

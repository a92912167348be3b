// Where the job list gets its jobs: pages of /api/jobs for a night and a filter, and the changes of the live
// feed. It keeps two lists: `whole` without the choice of phases, and `list`, the one shown. The server counts the
// phases of the whole filter; once the whole night is here, the page counts by itself.

import { filterQuery, filterRange, fits, isDecidable } from "./filter.js";
import { addPage, listCounts, mergeHead, newList, pickList, takeJob } from "./list.js";
import { SECOND } from "./time.js";

// A usual night comes in one page, and then every count is exact.
export const PAGE = 1000;
export const ASK_HEAD_EVERY_MS = 2000;
// Counting a long night costs the server something.
export const COUNT_EVERY_MS = 10000;
// So often time alone moves a list by age.
export const AGE_EVERY_MS = 30 * SECOND;
const HEAD = 100;

export class JobsSource {
  // `told()` is called when the lists changed by themselves; `held()` says whether rows must keep still; `seen()`
  // whether somebody looks: else nothing is asked.
  constructor({ api, now, told, held, seen = () => true }) {
    Object.assign(this, { api, now, told, held, seen, base: "", problem: "", loading: null, counted: null });
    // `old`: why the newest jobs could not be asked for; `dueMs`: how long after the last time they are to be asked for.
    Object.assign(this, { old: "", dueMs: Infinity, headTimer: 0, headAsked: -Infinity, flying: 0, meanwhile: [] });
    this.whole = newList();
    this.list = this.whole;
  }

  // Shows another night or filter. Nothing is asked when only the phases changed and the whole night is here.
  aim(filter, range, { anew = false } = {}) {
    const base = JSON.stringify([filterQuery({ ...filter, phases: [] }, range, 0), range]);
    const same = base === this.base && !anew;
    Object.assign(this, { filter, range, base, problem: "" });
    this.loading?.abort();
    this.loading = null;
    if (!same) this.forget();
    if (same && this.whole.complete) this.list = this.choose();
    else this.start();
  }

  forget() {
    Object.assign(this, { whole: newList(), counted: null, old: "", dueMs: Infinity, edge: null, agedAt: this.now() });
  }

  choose() {
    return this.filter.phases.length ? pickList(this.whole, (job) => this.fitting(job)) : this.whole;
  }

  start() {
    this.list = this.filter.phases.length ? newList() : this.whole;
    this.load();
  }

  fitting(job, phases = this.filter.phases) {
    return fits(job, { ...this.filter, phases }, this.range, this.now());
  }

  ask(page, phases, signal) {
    const query = filterQuery({ ...this.filter, phases }, this.range, this.now());
    if (!this.flying) this.meanwhile = [];
    this.flying += 1;
    return this.api.get("jobs", { ...query, ...page }, { signal }).finally(() => { this.flying -= 1; });
  }

  // What changed while the answer was under way is newer than it.
  catchUp({ seq }) {
    for (const change of this.meanwhile) if (change.seq > seq) this.take(change.job, this.held());
  }

  // The next page of older jobs.
  async load() {
    const { list, filter } = this;
    const [loading, edge] = [new AbortController(), this.edgeNow()];
    this.loading = loading;
    try {
      const answer = await this.ask({ before: list.next, limit: PAGE }, filter.phases, loading.signal);
      if (loading !== this.loading) return;
      addPage(list, answer);
      this.edge ??= edge;
      this.counted = answer.counts ?? this.counted;
      this.catchUp(answer);
    } catch (error) {
      if (loading !== this.loading) return;
      Object.assign(this, { problem: error.message, unreached: [0, 429].includes(error.status) });
    }
    this.loading = null;
    this.told();
  }

  // The server answers again: what could not be loaded is asked for once more.
  retry() {
    if (!this.problem || !this.unreached || this.loading) return;
    this.problem = "";
    this.load();
  }

  more() {
    if (!this.loading && !this.problem && !this.list.complete && this.list.next) this.load();
  }

  // Takes the jobs of changes. What only the server can decide makes it ask for the newest jobs again.
  changed(changes) {
    if (this.flying) this.meanwhile.push(...changes);
    const hold = this.held();
    const unsure = changes.filter((change) => !this.take(change.job, hold));
    if (unsure.length) this.askHead(ASK_HEAD_EVERY_MS);
    else if (!this.whole.complete) this.askHead(COUNT_EVERY_MS);
  }

  // True when the page alone could tell whether the job belongs here.
  take(job, hold) {
    const known = this.whole.jobs.has(job.ulid) || this.list.jobs.has(job.ulid);
    if (!known && !isDecidable(this.filter)) return !this.fitting(job, []);
    if (this.list !== this.whole) this.put(this.whole, job, this.fitting(job, []), false);
    this.put(this.list, job, this.fitting(job), hold);
    return true;
  }

  // A job older than what is loaded comes with its own page.
  put(list, job, fitting, hold) {
    const early = !list.complete && job.ulid < (list.order.at(-1) ?? "");
    if (list.jobs.has(job.ulid) || !early) takeJob(list, job, fitting, hold);
  }

  // The newest jobs are asked for again, not more often than it can matter; once somebody looks, if nobody does.
  askHead(everyMs) {
    this.dueMs = Math.min(this.dueMs, everyMs);
    if (this.headTimer || this.dueMs === Infinity || !this.seen()) return;
    const wait = Math.max(0, this.dueMs - (performance.now() - this.headAsked));
    this.headTimer = setTimeout(() => this.headDue(), wait);
  }

  async headDue() {
    if (this.dueMs < Infinity && this.seen()) await this.mergeHead();
    this.headTimer = 0;
    this.wake();
  }

  // Asks for what is due, now that somebody looks.
  wake() {
    this.askHead(Infinity);
  }

  async mergeHead() {
    Object.assign(this, { headAsked: performance.now(), dueMs: Infinity });
    const [{ whole }, edge] = [this, this.edgeNow()];
    const answer = await this.ask({ limit: HEAD }, []).catch((error) => ({ error }));
    if (whole !== this.whole) return;
    this.old = answer.error?.message || "";
    if (answer.error) this.dueMs = COUNT_EVERY_MS;
    else if (this.isGapBefore(answer)) this.aim(this.filter, this.range, { anew: true });
    else this.takeHead(answer, edge);
    this.told();
  }

  takeHead(answer, edge) {
    const { list, whole } = this;
    Object.assign(this, { edge, counted: answer.counts ?? this.counted });
    // A list that was never begun would look as if it began with the head.
    if (whole === list || whole.order.length || whole.complete) mergeHead(whole, answer, whole === list && this.held());
    if (whole !== list) for (const job of answer.jobs) this.put(list, job, this.fitting(job), this.held());
    this.catchUp(answer);
  }

  // Up to which moment of sending the list can have jobs now.
  edgeNow() {
    return Math.min(this.now(), filterRange(this.filter, this.range, this.now()).until_ms ?? Infinity);
  }

  // Came more jobs that only the server can tell since the last answer than are in this one?
  isGapBefore({ jobs, next }) {
    const untold = !isDecidable(this.filter) || this.filter.age?.older;
    return Boolean(untold && next && jobs.length && this.edge !== null && jobs.at(-1).created_ms >= this.edge);
  }

  // Time alone moves a list by age: what has become too old leaves, what is old enough by now is asked for.
  age() {
    const passed = this.now() - this.agedAt;
    if (!this.filter?.age || Math.abs(passed) < AGE_EVERY_MS) return;
    // The clock was set back, or first showed this computer's time: jobs before the first may belong here.
    if (passed < 0) this.aim(this.filter, this.range, { anew: true });
    else this.becomeOlder();
    this.told();
  }

  becomeOlder() {
    this.agedAt = this.now();
    for (const list of new Set([this.whole, this.list])) this.sweep(list);
    this.askHead(0);
  }

  sweep(list) {
    const [phases, hold] = list === this.list ? [this.filter.phases, this.held()] : [[], false];
    for (const job of [...list.jobs.values(), ...list.held.values()]) takeJob(list, job, this.fitting(job, phases), hold);
  }

  counts() {
    if (this.whole.complete) return { byPhase: listCounts(this.whole), known: true };
    return { byPhase: this.counted || {}, known: this.counted !== null };
  }
}

// Where the job list gets its jobs: pages of /api/jobs for a night and a filter, and the changes of the live
// feed. It keeps two lists: `whole` without the choice of phases, and `list`, the one shown. The server counts the
// phases of the whole filter; once the whole night is here, the page counts by itself.

import { filterQuery, fits, isDecidable } from "./filter.js";
import { addPage, listCounts, mergeHead, newList, pickList, takeJob } from "./list.js";

// A usual night comes in one page, and then every count is exact.
export const PAGE = 1000;
export const ASK_HEAD_EVERY_MS = 2000;
// Counting a long night costs the server something.
export const COUNT_EVERY_MS = 10000;
const HEAD = 100;

export class JobsSource {
  // `told()` is called when the lists changed by themselves; `held()` says whether rows must keep still.
  constructor({ api, now, told, held }) {
    Object.assign(this, { api, now, told, held, base: "", problem: "", loading: null, counted: null });
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
    if (!same) Object.assign(this, { whole: newList(), counted: null });
    if (same && this.whole.complete) this.list = this.choose();
    else this.start();
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

  ask(page, phases = this.filter.phases) {
    const query = filterQuery({ ...this.filter, phases }, this.range, this.now());
    return this.api.get("jobs", { ...query, ...page }, { signal: this.loading?.signal });
  }

  // The next page of older jobs.
  async load() {
    const list = this.list;
    this.loading = new AbortController();
    try {
      const answer = await this.ask({ before: list.next, limit: PAGE });
      if (list !== this.list) return;
      addPage(list, answer);
      this.counted = answer.counts ?? this.counted;
    } catch (error) {
      if (list !== this.list) return;
      Object.assign(this, { problem: error.message, unreached: error.status === 0 });
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

  // Not more often than it can matter.
  askHead(everyMs) {
    if (this.headTimer) return;
    const wait = Math.max(0, everyMs - (performance.now() - (this.headAsked ?? -Infinity)));
    this.headTimer = setTimeout(() => { this.headTimer = 0; this.mergeHead(); }, wait);
  }

  async mergeHead() {
    this.headAsked = performance.now();
    const { list, whole } = this;
    const answer = await this.ask({ limit: HEAD }, []).catch(() => null);
    if (!answer || list !== this.list) return;
    this.counted = answer.counts ?? this.counted;
    // A list that was never begun would look as if it began with the head.
    if (whole === list || whole.order.length) mergeHead(whole, answer, whole === list && this.held());
    if (whole !== list) for (const job of answer.jobs) this.put(list, job, this.fitting(job), this.held());
    this.told();
  }

  counts() {
    if (this.whole.complete) return { byPhase: listCounts(this.whole), known: true };
    return { byPhase: this.counted || {}, known: this.counted !== null };
  }
}

// The jobs of the list, newest first, as an order that does not move while somebody uses it: new jobs are held
// back and jobs that no longer fit stay, until the list is settled. Also which rows of it need to be in the DOM.

import { countPhases } from "./model.js";

export function newList() {
  return { jobs: new Map(), order: [], held: new Map(), leaving: new Set(), next: null, complete: false };
}

// A page of older jobs, newest first.
export function addPage(list, answer) {
  for (const job of answer.jobs) insert(list, job);
  list.next = answer.next ?? null;
  list.complete = list.next === null;
}

// The newest jobs asked for again: what is new among them is held or put in.
export function mergeHead(list, answer, hold) {
  for (const job of answer.jobs) takeJob(list, job, true, hold);
}

// One changed job. `fitting`: true or false, or null when only the server could tell.
export function takeJob(list, job, fitting, hold) {
  if (list.jobs.has(job.ulid)) return takeKnown(list, job, fitting, hold);
  if (!fitting) list.held.delete(job.ulid);
  else if (hold) list.held.set(job.ulid, job);
  else insert(list, job);
}

function takeKnown(list, job, fitting, hold) {
  list.jobs.set(job.ulid, job);
  if (fitting !== false) list.leaving.delete(job.ulid);
  else if (hold) list.leaving.add(job.ulid);
  else remove(list, job.ulid);
}

// Puts in what was held and takes out what no longer fits. True when anything moved.
export function settle(list) {
  if (!list.held.size && !list.leaving.size) return false;
  for (const job of list.held.values()) insert(list, job);
  for (const ulid of list.leaving) remove(list, ulid);
  list.held.clear();
  list.leaving.clear();
  return true;
}

function insert(list, job) {
  const known = list.jobs.has(job.ulid);
  list.jobs.set(job.ulid, job);
  list.held.delete(job.ulid);
  if (!known) list.order.splice(place(list.order, job.ulid), 0, job.ulid);
}

function remove(list, ulid) {
  const at = place(list.order, ulid);
  if (list.order[at] === ulid) list.order.splice(at, 1);
  list.jobs.delete(ulid);
}

// Where the ulid stands, or would stand, in an order that falls.
function place(order, ulid) {
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (order[middle] > ulid) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function listCounts(list) {
  return countPhases([...list.jobs.values(), ...list.held.values()]);
}

// A list of those jobs of another list that pass, as complete as that one.
export function pickList(whole, passes) {
  const list = newList();
  list.order = whole.order.filter((ulid) => passes(whole.jobs.get(ulid)));
  for (const ulid of list.order) list.jobs.set(ulid, whole.jobs.get(ulid));
  for (const job of whole.held.values()) if (passes(job)) insert(list, job);
  return Object.assign(list, { next: whole.next, complete: whole.complete });
}

// The rows that must exist when `above` pixels of the list are above the view; some spare rows on both sides
// so that Tab and the arrow keys always find a neighbour.
export function visibleRows({ above, view, rowHeight, count, spare = 12 }) {
  const first = Math.floor(above / rowHeight) - spare;
  const from = Math.min(Math.max(0, first), Math.max(0, count - 1));
  const to = Math.max(from, Math.min(count, Math.ceil((above + view) / rowHeight) + spare));
  return { from, to };
}

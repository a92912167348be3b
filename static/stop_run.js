// One hold of the button and what follows from it: a stop alone, or stop, park, close. Several runs go on side by
// side, and none loses what it still has to send. No DOM, no requests; steps and runs are changed only from here
// and from stop.js.

import { isSettled, isStop, newStep, stepState } from "./stop.js";

// However often a stop is held again, and the park waits for it, the close waits no longer than this for that park.
export const HELD_MS = 30000;

export class StopRun {
  constructor(commands) {
    this.steps = commands.map(([word, command]) => newStep(word, command));
  }

  // Nothing of it is still to come, and what was sent is proved or in trouble.
  isOver(nowMs) {
    return this.steps.every((step) => isSettled(step, nowMs));
  }

  // Over, and nothing of it must stay in sight: each step is proved, or tried again by a later run.
  isDone(nowMs) {
    return this.isOver(nowMs) && this.steps.every((step) => step.next || stepState(step, nowMs) === "picked_up");
  }

  // The steps to send now. A stop goes at once. Any other waits for the step before it, and for every stop that is
  // under way at its site, of whichever run: the site would sweep it away with all the rest.
  due(runs, nowMs) {
    return this.steps.filter((step, at) => {
      if (step.askedMs !== null || !this.isTurn(at, nowMs)) return false;
      step.turnMs ??= nowMs;
      return isStop(step) || !runs.some((run) => run.isStopping(step.command.site, nowMs));
    });
  }

  isTurn(at, nowMs) {
    if (at === 0) return true;
    const before = this.steps[at - 1];
    const isHeld = before.askedMs === null && before.turnMs !== null;
    return isSettled(before, nowMs) || (isHeld && nowMs - before.turnMs >= HELD_MS);
  }

  isStopping(site, nowMs) {
    return this.steps.some((step) => isStop(step) && step.command.site === site && !isSettled(step, nowMs));
  }

  // Will all of these commands still go out, none of them sent yet?
  brings(commands) {
    return commands.every(([, command]) => this.steps.some((step) => step.askedMs === null && isSame(step, command)));
  }

  // A stop of the site withdraws what waits there, so that goes out again after it. What was just handed out may be
  // what the stop is held for: it goes out again only where the hold is to make safe.
  takeBack(site, isSafe, nowMs) {
    const isLost = (step) => !isStop(step) && step.command.site === site && step.askedMs !== null
      && !isSettled(step, nowMs) && (isSafe || step.pickedMs === null);
    this.steps = this.steps.map((step) => (isLost(step) ? again(step) : step));
  }

  // What a later run tries again is no trouble of this one.
  leaveTo(later) {
    for (const step of this.steps.filter((one) => one.askedMs !== null)) {
      step.next = later.steps.find((other) => isSame(step, other.command)) || step.next;
    }
  }
}

// The runs once one more was held. The stop of each hold goes out, and its park and close come after that stop: those
// of an earlier run where all of them are still to come, since they wait for every stop of the site, otherwise those
// of its own. So nothing comes twice in a row, and nothing is missing, whatever had gone out by then.
export function withRun(runs, commands, nowMs) {
  const [stop, ...rest] = commands;
  for (const run of runs) run.takeBack(stop[1].site, rest.length > 0, nowMs);
  const areComing = runs.some((run) => run.brings(rest));
  const begun = new StopRun(areComing ? [stop] : commands);
  for (const run of runs) run.leaveTo(begun);
  return [...runs.filter((run) => !run.isDone(nowMs)), begun];
}

function isSame(step, command) {
  return step.command.site === command.site && step.command.action === command.action;
}

// Not sent yet; it has its turn since when it had it first.
function again(step) {
  return { ...newStep(step.word, step.command), turnMs: step.turnMs };
}

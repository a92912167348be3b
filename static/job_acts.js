// What one can do with the job on the screen Job: cancel it while it waits, send it again as a new one, close it
// with a reason when nobody reports on it any more, copy it, look at it as the server tells it.

import { mayCommand } from "./acts.js";
import { armed } from "./arming.js";
import { announce, setProblem, setText, show } from "./dom.js";
import { isStaff, mayCancel } from "./model.js";
import { jobRoute } from "./route.js";
import { phaseOf } from "./state.js";
import { jobLabel } from "./words.js";

export class JobActs {
  // `job()`: the job in view; `isSeen()`: is the screen shown; `load()`: asks for the job again; `go(hash)`: elsewhere.
  constructor({ here, model, api, job, isSeen, load, go }) {
    Object.assign(this, { here, model, api, job, isSeen, load, go });
    const cancel = { words: "Cancel this job", again: "Click again to cancel it", act: () => this.cancel() };
    const again = { words: "Send again", again: "Click again to send it", act: () => this.sendAgain() };
    this.armings = [armed(here.cancel, cancel), armed(here.again, again)];
    here.close.addEventListener("click", () => this.openClose(here.closeForm.hidden));
    here.closeForm.addEventListener("submit", (event) => { event.preventDefault(); this.close(); });
    here.copy.addEventListener("click", () => this.copy());
    here.showRaw.addEventListener("click", () => this.openRaw(here.raw.hidden));
  }

  disarm() {
    for (const one of this.armings) one.disarm();
    this.openClose(false);
    this.openRaw(false);
  }

  // Another job comes into view: nothing that was begun with this one goes over to it.
  forget() {
    this.disarm();
    this.here.reason.value = "";
  }

  draw() {
    const [job, { user }] = [this.job(), this.model];
    show(this.here.cancel, mayCancel(user, job));
    show(this.here.again, mayCommand(user));
    const closable = isStaff(user) && ["picked_up", "running"].includes(phaseOf(job));
    show(this.here.close, closable);
    if (!closable) show(this.here.closeForm, false);
  }

  openClose(open) {
    show(this.here.closeForm, open);
    this.here.close.setAttribute("aria-expanded", String(open));
    if (open) this.here.reason.focus();
  }

  openRaw(open) {
    show(this.here.raw, open);
    this.here.showRaw.setAttribute("aria-expanded", String(open));
  }

  isInView(job) {
    return this.isSeen() && this.job()?.ulid === job.ulid;
  }

  // One act at a time; its refusal stands as a sentence under the buttons.
  async act(button, verb, body, failure) {
    const job = this.job();
    setText(this.here.problem, "");
    button.disabled = true;
    try {
      return await this.api.post(`jobs/${encodeURIComponent(job.ulid)}/${verb}`, body);
    } catch (error) {
      const what = this.isInView(job) ? "" : `${jobLabel(job)}: `;
      setProblem(this.here.problem, `${what}${failure} ${error.message}`, error);
      return null;
    } finally {
      button.disabled = false;
    }
  }

  async cancel() {
    if (await this.act(this.here.cancel, "cancel", { reason: "" }, "Not cancelled.")) announce("Cancelled");
    await this.load();
  }

  async sendAgain() {
    const before = this.job();
    const job = await this.act(this.here.again, "again", {}, "Not sent again.");
    if (!job) return;
    announce("Sent again");
    if (this.isInView(before)) this.go(jobRoute(job.ulid));
  }

  async close() {
    const reason = this.here.reason.value.trim();
    if (!reason) { setText(this.here.problem, "Not closed. Say why: it stands in the timeline."); return; }
    const closed = this.job();
    if (!(await this.act(this.here.closeNow, "close", { reason }, "Not closed."))) return;
    announce("Closed");
    if (!this.isInView(closed)) return;
    this.here.reason.value = "";
    this.openClose(false);
    await this.load();
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(JSON.stringify(this.job(), null, 2));
      setText(this.here.copy, "Copied");
    } catch {
      setText(this.here.copy, "Copying is not allowed here");
    }
    setTimeout(() => setText(this.here.copy, "Copy as JSON"), 2000);
  }
}

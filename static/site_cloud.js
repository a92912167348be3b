// The cloud link on the screen Site: how it is and what to do, the facts about it, how far each site was read, and
// the statuses that the cloud refuses, which staff send again or give up. Nothing is shown while the link is off.

import { armed } from "./arming.js";
import { cloudCard, cloudFacts, cloudSiteWords } from "./cloud.js";
import { announce, clone, keyed, parts, setAttr, setMore, setProblem, setText, setTip, show } from "./dom.js";
import { isStaff } from "./model.js";
import { jobRoute } from "./route.js";
import { zoneOf } from "./sky.js";
import { bothTimes, dayOrClock } from "./time.js";
import { statusWord } from "./words.js";

export class CloudLink {
  constructor({ root, model, clock, api }) {
    Object.assign(this, { root, here: parts(root), model, clock, api });
  }

  draw() {
    const { here, model: { cloud } } = this;
    show(this.root, cloud);
    if (!cloud) return;
    const now = this.clock.now();
    this.drawCard(cloudCard(cloud, now));
    this.drawFacts([...cloudFacts(cloud, now), ...cloud.sites.map((site) => ({ name: site.site, value: cloudSiteWords(site, now) }))]);
    show(here.parkedBox, cloud.parked.length);
    const rows = keyed(here.parked, cloud.parked.map((one) => one.ulid), (ulid) => this.makeRow(ulid));
    const { around, user } = this.model;
    cloud.parked.forEach((one, at) => drawParked(parts(rows[at]), one, now, isStaff(user), zoneOf(around, one.site)));
  }

  drawCard({ kind, word, why, todo, manual }) {
    const { here } = this;
    setAttr(here.card, "data-kind", kind);
    setText(here.word, word);
    setText(here.why, why);
    setText(here.todo, todo);
    setMore(here.more, manual);
  }

  drawFacts(facts) {
    const rows = keyed(this.here.facts, facts.map((fact) => fact.name), () => clone("t-fact"));
    facts.forEach(({ name, value, tipMs }, at) => {
      setText(parts(rows[at]).name, name);
      setText(parts(rows[at]).value, value);
      setTip(parts(rows[at]).value, tipMs == null ? "" : bothTimes(tipMs));
    });
  }

  makeRow(ulid) {
    const row = clone("t-parked");
    const here = parts(row);
    here.retry.addEventListener("click", () => this.decide(row, ulid, "retry"));
    const act = () => this.decide(row, ulid, "giveup");
    armed(here.giveup, { words: "Give up", again: "Click again to give it up", act });
    return row;
  }

  async decide(row, ulid, verb) {
    const here = parts(row);
    setText(here.problem, "");
    for (const button of [here.retry, here.giveup]) button.disabled = true;
    try {
      this.model.cloud = (await this.api.post(`cloud/parked/${encodeURIComponent(ulid)}/${verb}`)).cloud;
      announce(verb === "retry" ? "It is sent to the cloud again" : "Given up");
    } catch (error) {
      setProblem(here.problem, `${verb === "retry" ? "Not tried again." : "Not given up."} ${error.message}`, error);
    }
    for (const button of [here.retry, here.giveup]) button.disabled = false;
    this.draw();
  }
}

function drawParked(here, one, now, mayDecide, zone) {
  setText(here.link, `${one.site}: ${statusWord(one.status)}`);
  setAttr(here.link, "href", jobRoute(one.ulid));
  setText(here.reason, one.reason);
  setText(here.since, `set aside ${dayOrClock(one.since_ms, now)} UTC`);
  setTip(here.since, bothTimes(one.since_ms, zone));
  for (const button of [here.retry, here.giveup]) show(button, mayDecide);
}

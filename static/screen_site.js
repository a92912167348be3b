// The screen Site: health cards with what to do, the cloud link, reservations, tokens and wall displays, the settings
// in force, and the ways out to the night log and to the jobs as files.

import { fetchAll, saveCsv } from "./csv.js";
import { clone, keyed, parts, setAttr, setMore, setText, show } from "./dom.js";
import { drawChips, makeChip } from "./fields.js";
import { drawGaps, gapRange } from "./gaps.js";
import { busiest, siteNames } from "./model.js";
import { nightOf, nightRange } from "./night.js";
import { NoteList } from "./notes.js";
import { jobsRoute, siteRoute } from "./route.js";
import { siteCards } from "./site_cards.js";
import { CloudLink } from "./site_cloud.js";
import { SiteFinder } from "./site_finder.js";
import { LockList } from "./site_locks.js";
import { ReservationList } from "./site_reservations.js";
import { TokenList } from "./site_tokens.js";
import { WallLink } from "./site_wall.js";
import { zoneOf } from "./sky.js";

// The lists inside have parts of the same names; these are the screen's own.
function sitePartsOf(root) {
  const own = (element) => !element.closest("[data-locks], [data-cloud], [data-reservations], [data-notes], [data-tokens], [data-wall-link]");
  return Object.fromEntries([...root.querySelectorAll("[data-part]")].filter(own).map((at) => [at.dataset.part, at]));
}

export class SiteScreen {
  constructor({ root, model, clock, api, around, go, logOut, lookAgain }) {
    Object.assign(this, { root, model, clock, api, go, here: sitePartsOf(root), chosen: "" });
    this.reservations = new ReservationList({ root: root.querySelector("[data-reservations]"), model, clock, api, around });
    this.locks = new LockList({ root: root.querySelector("[data-locks]"), model, clock, api, told: lookAgain });
    this.tokens = new TokenList({ root: root.querySelector("[data-tokens]"), model, clock, api });
    this.notes = new NoteList({ root: root.querySelector("[data-notes]"), model, clock, api });
    const made = () => this.tokens.load();
    this.wall = new WallLink({ root: root.querySelector("[data-wall-link]"), model, api, made });
    this.cloud = new CloudLink({ root: root.querySelector("[data-cloud]"), model, clock, api });
    this.finder = new SiteFinder({ field: this.here.find, model, choose: (site) => this.open(site), changed: () => this.update() });
    this.here.logout.addEventListener("click", logOut);
    this.here.csv.addEventListener("click", () => this.save());
  }

  show(route) {
    this.visible = true;
    this.wanted = route.site;
    this.tokens.load();
    this.update();
  }

  hide() {
    this.visible = false;
    this.tokens.hideMade();
    this.wall.hideMade();
  }

  reload() {
    if (this.visible) this.tokens.load();
  }

  site() {
    return this.chosen;
  }

  tick() {
    if (!this.visible || !this.chosen) return;
    this.drawCards();
    this.locks.draw(this.chosen);
    this.cloud.draw();
    this.reservations.draw(this.chosen);
    this.notes.look({ site: this.chosen });
  }

  update() {
    if (!this.visible) return;
    const { here, model } = this;
    const known = siteNames(model);
    const chosen = [this.wanted, this.chosen].find((site) => known.includes(site));
    this.chosen = chosen || (model.many ? "" : busiest(model, known));
    const sites = this.finder.sites(this.chosen);
    const chips = keyed(here.sites, sites, (site) => makeChip(site, () => this.open(site)));
    drawChips(chips, sites, this.chosen);
    show(here.none, model.loaded && !known.length);
    show(here.body, this.chosen);
    show(here.logout, model.user);
    this.drawLinks();
    this.drawSettings();
    this.tokens.draw();
    this.wall.draw();
    this.tick();
  }

  open(site) {
    this.finder.clear();
    this.go(siteRoute(site), { replace: true });
  }

  drawCards() {
    const site = this.model.sites.get(this.chosen);
    if (!site) return;
    const cards = siteCards(this.model, site, this.clock.now(), this.clock.skew());
    const rows = keyed(this.here.cards, cards.map((card) => card.key), () => clone("t-card"));
    cards.forEach((card, at) => drawCard(parts(rows[at]), card));
  }

  tonight() {
    return nightOf(this.clock.now(), zoneOf(this.model.around, this.chosen));
  }

  query() {
    return { site: this.chosen, ...nightRange(this.tonight(), zoneOf(this.model.around, this.chosen)) };
  }

  async save() {
    setText(this.here.problem, "");
    try {
      saveCsv(await fetchAll(this.api, this.query()), `${this.chosen}-${this.tonight()}.csv`);
    } catch (error) {
      setText(this.here.problem, `No CSV. ${error.message}`);
    }
  }

  drawLinks() {
    const { here, chosen } = this;
    const night = this.tonight();
    const query = new URLSearchParams({ ...this.query(), limit: "1000" });
    show(here.links, chosen || this.model.user);
    const page = new URLSearchParams({ site: chosen, date: night });
    setAttr(here.night, "href", new URL(`../night?${page}`, import.meta.url).href);
    setAttr(here.weeks, "href", new URL(`../weeks?${new URLSearchParams({ site: chosen })}`, import.meta.url).href);
    setAttr(here.json, "download", `${chosen}-${night}.json`);
    setAttr(here.json, "href", new URL(`../api/jobs?${query}`, import.meta.url).href);
    setAttr(here.jobs, "href", jobsRoute(`site:${chosen}`, null));
  }

  drawSettings() {
    const { settings } = this.model.around;
    const shown = this.model.user && settings ? Object.entries(settings) : [];
    show(this.here.settingsBox, shown.length);
    const rows = keyed(this.here.settings, shown.map(([name]) => name), () => clone("t-setting"));
    shown.forEach(([name, { value, source }], at) => {
      setText(parts(rows[at]).name, name);
      setText(parts(rows[at]).value, textOf(value));
      setText(parts(rows[at]).source, SOURCES[source] || source);
      setAttr(rows[at], "data-set", source === "default" ? null : "yes");
    });
  }
}

const SOURCES = { default: "by default", set: "set here" };

const textOf = (value) => (Array.isArray(value) ? value.join(", ") || "none" : value === "" ? "none" : String(value));

export function drawCard(here, card) {
  setAttr(here.row, "data-kind", card.kind);
  setText(here.name, card.name);
  setText(here.word, card.word);
  setText(here.why, card.why);
  setText(here.todo, card.todo);
  setMore(here.more, card.manual);
  const gaps = card.polls?.gaps_ms || [];
  show(here.gapsBox, gaps.length);
  setText(here.gapRange, gapRange(gaps));
  if (gaps.length) drawGaps(here.gaps, gaps, card.polls.usual_gap_ms);
}

// Choosing the site to stop, in the corner above STOP: a button a site; of many sites a field for the name.

import { clone, isPointedAt, keyed, setAttr, setText, show } from "./dom.js";
import { SiteFinder } from "./site_finder.js";

export class StopSites {
  // `choose(site)` is called with the site; `changed()` when other sites are to be shown.
  constructor({ here, model, choose, changed }) {
    Object.assign(this, { here, model });
    this.choose = (site) => { this.finder.clear(); choose(site); changed(); };
    this.finder = new SiteFinder({ field: here.find, model, choose: this.choose, changed });
  }

  // `known`: the sites that may be stopped; `inView`: the site that the screen is about, with nothing but its STOP.
  draw(known, site, inView) {
    const { findBox, chooseWords } = this.here;
    const { many } = this.model;
    show(findBox, many && !inView);
    setText(chooseWords, site ? "" : "STOP: choose a site, or open it");
    const [sites, alarmed] = many ? [inView ? [] : this.finder.sites(site), new Set()] : this.fewSites(known);
    this.drawChips(sites, site, alarmed);
  }

  // The sites with alarms first, so that many sites hide none of them; but no site moves away from a pointer.
  fewSites(known) {
    const alarmed = new Set(this.model.alarms.map((alarm) => alarm.site));
    const shown = [...this.here.sites.children].map((chip) => chip.textContent);
    const isHeld = isPointedAt(this.here.sites);
    const place = (site) => (isHeld ? shown.indexOf(site) + 1 || Infinity : Number(!alarmed.has(site)));
    const sites = [...known].sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)));
    return [sites.length > 1 ? sites : [], alarmed];
  }

  drawChips(sites, chosen, alarmed) {
    show(this.here.sites, sites.length);
    const chips = keyed(this.here.sites, sites, (site) => this.makeSite(site));
    chips.forEach((chip, at) => {
      setAttr(chip, "aria-pressed", String(sites[at] === chosen));
      setAttr(chip, "data-alarmed", alarmed.has(sites[at]) ? "yes" : null);
    });
  }

  makeSite(site) {
    const chip = clone("t-plain-chip");
    setText(chip, site);
    chip.addEventListener("click", () => this.choose(site));
    return chip;
  }
}

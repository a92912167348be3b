// What the screen that is open is about: one site or several. From it come the site that a stop is for, what the live
// loop asks for, the locks that must be named beside it, and the title of the page.

import { knowsSite, openJobs, sitesInOrder } from "./model.js";
import { tally, tallyLine } from "./sites_filter.js";
import { siteState } from "./state.js";

const SITE = /^[A-Za-z0-9_-]{1,64}$/;
// The server gives so many sites by name.
const SITES_ASKED = 20;

export class InView {
  // `current()`: the route of the screen that is open, null at first.
  constructor({ model, screens, current, clock }) {
    Object.assign(this, { model, screens, current, clock });
  }

  screen() {
    return this.current()?.screen;
  }

  // The site that the screen is about; "" when it is about several.
  site() {
    return this.screens[this.screen()]?.site?.() || "";
  }

  // The site that the user opened with the screen; null while that is not known yet.
  siteOpened() {
    const { model } = this;
    const wanted = this.current()?.site || (this.screen() === "now" ? this.site() : "");
    if (wanted && !knowsSite(model, wanted)) return model.loaded ? "" : null;
    if (["now", "jobs"].includes(this.screen())) return this.site();
    return this.site() || (model.many ? "" : null);
  }

  // For the live loop. A view that the address of Now forces lasts on the other screens too.
  looking(stop) {
    const sites = [this.site(), stop.site, ...stop.stops.map((one) => one.site)].filter((site) => SITE.test(site || ""));
    const all = ["jobs", "job"].includes(this.screen());
    return { view: this.screens.now?.filter().view, sites: [...new Set(sites)].slice(0, SITES_ASKED), all };
  }

  // The locks that no panel, row or card of the screen shows.
  locks() {
    return this.model.locks.filter((lock) => !this.isOnScreen(lock));
  }

  isOnScreen(lock) {
    const site = this.site();
    if (!["now", "site"].includes(this.screen())) return false;
    if (lock.holds.includes(site)) return true;
    return this.screen() === "now" && (site ? this.model.many : knowsSite(this.model, lock.site));
  }

  title(state) {
    const { model } = this;
    if (state.kind === "not_live") return "NOT LIVE · prjobs";
    if (model.many && !this.site()) return [tallyLine(tally([...model.rows.values()])), "prjobs"].filter(Boolean).join(" · ");
    const sites = sitesInOrder(model).filter((site) => !model.many || site.site === this.site()).slice(0, 3);
    const words = sites.map((site) => `${site.site} ${siteState(site, openJobs(model, site.site), this.clock.now(), state.live).word}`);
    return [...words, "prjobs"].join(" · ");
  }
}

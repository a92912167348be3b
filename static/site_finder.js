// Choosing one of many sites by its name: a field, and the first sites that it may mean as buttons. With few sites there
// is no field, and each site has its button.

import { show } from "./dom.js";
import { siteNames } from "./model.js";

const SHOWN = 8;

// Those that begin with the text, then those that hold it.
export function sitesLike(names, text, count = SHOWN) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const found = names.filter((name) => name.toLowerCase().includes(wanted));
  const begins = (name) => name.toLowerCase().startsWith(wanted);
  return [...found.filter(begins), ...found.filter((name) => !begins(name))].slice(0, count);
}

// The one site that the text means; "" when it may mean several.
export function siteMeant(names, text) {
  const like = sitesLike(names, text, 2);
  return names.find((name) => name === text.trim()) || (like.length === 1 ? like[0] : "");
}

export class SiteFinder {
  // `choose(site)` is called for Enter; `changed()` when other sites are to be shown.
  constructor({ field, model, choose, changed }) {
    Object.assign(this, { field, model });
    field.addEventListener("input", changed);
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      const site = siteMeant(siteNames(model), field.value);
      if (site) choose(site);
    });
  }

  // The sites to show as buttons: all, or of many the chosen one and those that the field may mean.
  sites(chosen) {
    const { field, model } = this;
    show(field, model.many);
    if (!model.many) return siteNames(model);
    return [...new Set([chosen, ...sitesLike(siteNames(model), field.value)])].filter(Boolean);
  }

  clear() {
    this.field.value = "";
  }
}

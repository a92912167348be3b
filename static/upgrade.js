// Finds out that the server has other files of this page than the ones that run here, and loads the page anew: a wall
// display by itself, another page by a button, since somebody may be typing there.

import { parts, setText, show } from "./dom.js";

// On a wall display with buttons somebody may hold STOP.
export const UNTOUCHED_MS = 20000;
// Behind a proxy that keeps old files, or gives two versions in turn, loading anew would never end.
export const AGAIN_MS = 3600000;
const KEPT_AS = "prjobs_loaded_anew";

// May the page load itself anew? Once an hour for each build. `tried` has the times by build; null where none can be kept.
export function loadsItself({ wall, untouchedMs, typed, build, tried, nowMs }) {
  if (!wall || typed || untouchedMs < UNTOUCHED_MS || !tried) return false;
  return !(build in tried && Math.abs(nowMs - tried[build]) < AGAIN_MS);
}

export class Upgrade {
  // `notice`: the element that says so; `touched`: a Since of the last touch or key.
  constructor({ notice, model, touched, root = document.documentElement }) {
    const own = document.querySelector('meta[name="prjobs-build"]')?.content || "";
    Object.assign(this, { notice, model, touched, root, own, asking: false, here: parts(notice) });
    this.typedIn = new Set();
    addEventListener("input", ({ target }) => this.typedIn.add(target), { capture: true });
    for (const act of ["pointerdown", "keydown", "input"]) addEventListener(act, () => touched.restart(), { capture: true });
    this.here.load.addEventListener("click", () => this.load());
  }

  tick() {
    const { build } = this.model;
    const isOld = Boolean(build && this.own && build !== this.own);
    show(this.notice, isOld);
    if (!isOld) return;
    const typed = this.hasTyped();
    setText(this.here.version, this.model.version);
    setText(this.here.load, typed ? "Reload the page and lose what is typed here" : "Reload the page");
    const wall = this.root.dataset.wall === "yes";
    if (loadsItself({ wall, untouchedMs: this.touched.ms(), typed, build, tried: tried(), nowMs: Date.now() })) this.load();
  }

  // Does a field on the page hold what a person typed? The filter stands in the address, and is not lost.
  hasTyped() {
    return [...this.typedIn].some((field) => field.isConnected && field.id !== "filter" && field.value !== "");
  }

  // Only when the server gives the new page: a browser that finds no server shows a page of its own for good.
  async load() {
    if (this.asking) return;
    this.asking = true;
    const page = await fetch(location.href, { cache: "no-store" }).catch(() => null);
    this.asking = false;
    if (!page?.ok) return;
    remember({ ...tried(), [this.model.build]: Date.now() });
    location.reload();
  }
}

function tried() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT_AS) || "{}");
  } catch {
    return null;
  }
}

function remember(times) {
  try {
    sessionStorage.setItem(KEPT_AS, JSON.stringify(times));
  } catch {
    // Without storage only the button loads the page anew.
  }
}

// Finds out that the server has other files of this page than the ones that run here, and loads the page anew: a wall
// display by itself, another page by a button, since somebody may be typing there.

import { parts, show } from "./dom.js";

// On a wall display with buttons somebody may hold STOP.
export const UNTOUCHED_MS = 20000;
const KEPT_AS = "prjobs_loaded_anew_for";

// May the page load itself anew? Once for each build: behind a proxy that keeps old files it would never end.
export function loadsItself({ wall, untouchedMs, build, triedFor }) {
  return wall && untouchedMs >= UNTOUCHED_MS && build !== triedFor;
}

export class Upgrade {
  // `notice`: the element that says so; `touched`: a Since of the last touch or key.
  constructor({ notice, model, touched, root = document.documentElement }) {
    Object.assign(this, { notice, model, touched, root, own: "", asking: false });
    for (const act of ["pointerdown", "keydown", "input"]) addEventListener(act, () => touched.restart(), { capture: true });
    parts(notice).load.addEventListener("click", () => this.load());
  }

  // The first answer comes from the server that gave the page.
  tick() {
    const { build } = this.model;
    this.own ||= build;
    const isOld = build !== this.own;
    show(this.notice, isOld);
    const wall = this.root.dataset.wall === "yes";
    if (isOld && loadsItself({ wall, untouchedMs: this.touched.ms(), build, triedFor: remembered() })) this.load();
  }

  // Only when the server gives the new page: a browser that finds no server shows a page of its own for good.
  async load() {
    if (this.asking) return;
    this.asking = true;
    const page = await fetch(location.href, { cache: "no-store" }).catch(() => null);
    this.asking = false;
    if (!page?.ok) return;
    remember(this.model.build);
    location.reload();
  }
}

function remembered() {
  try {
    return sessionStorage.getItem(KEPT_AS);
  } catch {
    return null;
  }
}

function remember(build) {
  try {
    sessionStorage.setItem(KEPT_AS, build);
  } catch {
    // Without storage a page that stays old is loaded anew once in UNTOUCHED_MS.
  }
}

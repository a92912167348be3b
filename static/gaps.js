// The gaps between a site's requests for jobs: as a strip of bars, the oldest on the left, and as words for those
// who do not see it.

import { setAttr } from "./dom.js";
import { span } from "./time.js";

const SVG = "http://www.w3.org/2000/svg";
const SHOWN = 20;
const BAR = 8;
const HEIGHT = 24;
const LEAST = 1.5;

// A gap that is worth a look: well above what is usual.
const isLong = (ms, usualMs) => Boolean(usualMs) && ms > 2 * usualMs;

// [{x, y, height, long}] in the units of the strip.
export function gapBars(gapsMs, usualMs) {
  const shown = gapsMs.slice(-SHOWN);
  const most = Math.max(...shown, 1);
  return shown.map((ms, at) => {
    const height = Math.max(LEAST, (ms / most) * HEIGHT);
    return { x: at * BAR, y: HEIGHT - height, height, long: isLong(ms, usualMs) };
  });
}

// "last 20 gaps: 2.9 s to 14 s" under the strip.
export function gapRange(gapsMs) {
  const shown = gapsMs.slice(-SHOWN);
  if (!shown.length) return "";
  const [least, most] = [span(Math.min(...shown)), span(Math.max(...shown))];
  const range = least === most ? least : `${least} to ${most}`;
  return shown.length === 1 ? `the last gap: ${range}` : `last ${shown.length} gaps: ${range}`;
}

// The whole strip as words.
export function gapWords(gapsMs) {
  return `Gaps between the last requests, oldest first: ${gapsMs.slice(-SHOWN).map(span).join(", ")}`;
}

export function drawGaps(svg, gapsMs, usualMs) {
  const key = gapsMs.join(",");
  if (svg.dataset.gaps === key) return;
  svg.dataset.gaps = key;
  setAttr(svg, "viewBox", `0 0 ${SHOWN * BAR} ${HEIGHT}`);
  setAttr(svg, "aria-label", gapWords(gapsMs));
  svg.replaceChildren(...gapBars(gapsMs, usualMs).map(makeBar));
}

function makeBar({ x, y, height, long }) {
  const bar = document.createElementNS(SVG, "rect");
  const at = { x, y: y.toFixed(1), width: BAR - 2, height: height.toFixed(1), class: long ? "gap-long" : "gap" };
  for (const [name, value] of Object.entries(at)) bar.setAttribute(name, value);
  return bar;
}

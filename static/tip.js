// Tips for elements with data-tip, on hover and on keyboard focus. The browser's own tooltips (title=) are not
// used: they are white, which nobody wants in a dark dome.

import { setText } from "./dom.js";

const DELAY_MS = 350;
const MARGIN = 8;

export function startTips(tip) {
  let timer = 0;
  const hide = () => { clearTimeout(timer); tip.hidden = true; };
  const offer = (event, delay) => {
    const target = event.target.closest?.("[data-tip]");
    hide();
    if (target) timer = setTimeout(() => place(tip, target), delay);
  };
  document.addEventListener("pointerover", (event) => { if (event.pointerType === "mouse") offer(event, DELAY_MS); });
  document.addEventListener("focusin", (event) => { if (event.target.matches?.(":focus-visible")) offer(event, DELAY_MS); });
  for (const name of ["pointerdown", "focusout", "keydown", "scroll"]) document.addEventListener(name, hide, true);
}

function place(tip, target) {
  if (!target.isConnected || !target.dataset.tip) return;
  setText(tip, target.dataset.tip);
  tip.hidden = false;
  const at = target.getBoundingClientRect();
  const own = tip.getBoundingClientRect();
  const left = Math.min(Math.max(MARGIN, at.left), innerWidth - own.width - MARGIN);
  const below = at.bottom + 6;
  const top = below + own.height > innerHeight - MARGIN ? at.top - own.height - 6 : below;
  tip.style.setProperty("--x", `${Math.round(Math.max(MARGIN, left))}px`);
  tip.style.setProperty("--y", `${Math.round(Math.max(MARGIN, top))}px`);
}

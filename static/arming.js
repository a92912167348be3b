// A button that asks for a second click within a few seconds, in its own words, instead of a dialog.

import { announce, setAttr, setText } from "./dom.js";

const ARMED_FOR_MS = 5000;
// A double click must not be a click and its confirmation.
const NO_SECOND_CLICK_BEFORE_MS = 400;

// Returns {disarm}. `act` is called by the second click.
export function armed(button, { words, again, act }) {
  const state = { at: 0, timer: 0 };

  function disarm() {
    clearTimeout(state.timer);
    state.at = 0;
    setText(button, words);
    setAttr(button, "data-armed", null);
  }

  function arm(now) {
    state.at = now;
    setText(button, again);
    setAttr(button, "data-armed", "yes");
    announce(again);
    state.timer = setTimeout(disarm, ARMED_FOR_MS);
  }

  // The time of the finger counts: a busy page hears of the second click of a double click late. Whoever double-clicks
  // slowly has told his system so, which counts such clicks.
  button.addEventListener("click", ({ timeStamp, detail }) => {
    if (!state.at) { arm(timeStamp); return; }
    if (detail === 2 || timeStamp - state.at <= NO_SECOND_CLICK_BEFORE_MS) return;
    disarm();
    act();
  });
  setText(button, words);
  return { disarm };
}

// The theme button: day, dark, red. The choice goes into a cookie, so that the server can know it as well;
// theme.js puts the theme on.

import { parts, setText } from "./dom.js";

const THEMES = ["day", "dark", "red"];
const YEAR_S = 365 * 24 * 3600;

export function nextTheme(theme) {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
}

const worn = () => document.documentElement.dataset.theme;

function choose(theme) {
  document.cookie = `prjobs_theme=${theme}; Path=/; Max-Age=${YEAR_S}; SameSite=Strict`;
  document.dispatchEvent(new CustomEvent("prjobs-theme", { detail: theme }));
}

function label(button) {
  setText(parts(button).theme, worn());
  button.setAttribute("aria-label", `Theme: ${worn()}. Change to ${nextTheme(worn())}`);
}

export function startLook(button) {
  label(button);
  button.addEventListener("click", () => {
    choose(nextTheme(worn()));
    label(button);
  });
}

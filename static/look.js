// The theme button: day, dark, red in three brightnesses. The choice goes into a cookie, so that the server can know it as well;
// theme.js puts the theme on.

import { parts, setText } from "./dom.js";

const THEMES = ["day", "dark", "red", "red2", "red3"];
const NAMES = { red2: "red, dim", red3: "red, dimmest" };
const YEAR_S = 365 * 24 * 3600;

export function nextTheme(theme) {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
}

const name = (theme) => NAMES[theme] || theme;
const worn = () => document.documentElement.dataset.theme + (document.documentElement.dataset.level || "");

function choose(theme) {
  document.cookie = `prjobs_theme=${theme}; Path=/; Max-Age=${YEAR_S}; SameSite=Strict`;
  document.dispatchEvent(new CustomEvent("prjobs-theme", { detail: theme }));
}

function label(button) {
  setText(parts(button).theme, name(worn()));
  button.setAttribute("aria-label", `Theme: ${name(worn())}. Change to ${name(nextTheme(worn()))}`);
}

export function startLook(button) {
  label(button);
  button.addEventListener("click", () => {
    choose(nextTheme(worn()));
    label(button);
  });
}

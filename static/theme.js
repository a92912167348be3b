// Puts on the theme before anything is painted: the one in the cookie prjobs_theme (day, dark, red, red2, red3), else as
// the system prefers. A plain script before the sheets, because modules run after the first paint; look.js asks for
// another theme later by the event "prjobs-theme".

(() => {
  const root = document.documentElement;
  const colours = { day: "#f2f3f5", dark: "#0b0e13", red: "#000000" };

  // "red2" and "red3" are the theme red, dimmer.
  function wear(chosen) {
    const [theme, level] = chosen.startsWith("red") ? ["red", chosen.slice(3)] : [chosen, ""];
    root.dataset.theme = theme;
    root.dataset.level = level;
    document.body.setAttribute("bgcolor", colours[theme]);
    document.querySelector('meta[name="theme-color"]').content = colours[theme];
    document.querySelector('meta[name="color-scheme"]').content = theme === "day" ? "light" : "dark";
    const icon = document.querySelector('link[rel="icon"]');
    icon.href = icon.href.replace(/favicon[-a-z]*\.svg/, theme === "red" ? "favicon-red.svg" : "favicon.svg");
  }

  // The wall display, ?wall=1: larger, and it never slows down.
  if (new URLSearchParams(location.search).get("wall") === "1") root.dataset.wall = "yes";
  const chosen = /(?:^|;\s*)prjobs_theme=(day|dark|red[23]?)(?:;|$)/.exec(document.cookie);
  wear(chosen ? chosen[1] : matchMedia("(prefers-color-scheme: light)").matches ? "day" : "dark");
  document.addEventListener("prjobs-theme", (event) => wear(event.detail));
})();

// Starts the page and ties its parts together: the model and the loop that keeps it up to date, the screens and
// the address, the keyboard, the clock that ticks once a second.

import * as api from "./api.js";
import { makeSender, mayCommand } from "./acts.js";
import { AlarmList } from "./alarm_list.js";
import { Around } from "./around.js";
import { ServerClock, Since } from "./clock.js";
import { clone, parts, setAttr, setText, show } from "./dom.js";
import { moveRow, startKeys } from "./keys.js";
import { InView } from "./in_view.js";
import { Live } from "./live.js";
import { forgetLogin } from "./login_end.js";
import { lockLine } from "./locks.js";
import { startLook } from "./look.js";
import { busiest, knowsSite, newModel, siteNames } from "./model.js";
import { parseRoute, strayWords } from "./route.js";
import { JobScreen } from "./screen_job.js";
import { JobsScreen } from "./screen_jobs.js";
import { startNow } from "./screen_now.js";
import { SendScreen } from "./screen_send.js";
import { SiteScreen } from "./screen_site.js";
import { Sound } from "./sound.js";
import { connection } from "./state.js";
import { StopPanel } from "./stop_panel.js";
import { startStrip } from "./strip.js";
import { startTips } from "./tip.js";
import { Upgrade } from "./upgrade.js";
import { PHASE_MEANINGS, PHASE_WORDS } from "./words.js";

const find = (selector) => document.querySelector(selector);
const clock = new ServerClock();
const model = newModel();
const looked = new Since();
// A wall display is never looked away from.
const isHidden = () => document.hidden && document.documentElement.dataset.wall !== "yes";
const sound = new Sound();
const screens = {};
let current = null;
let cameFrom = null;
let visits = 0;
// Of many sites the changes of those alone are known that somebody looked at.
let missedChanges = false;

const view = new InView({ model, screens, current: () => current, clock });

const live = new Live({
  // Where the sound is armed, somebody listens though nobody looks.
  api, model, clock, looking: () => view.looking(stop), hidden: () => isHidden() && !sound.armed,
  told: {
    loaded({ again }) { if (again) startAnew(); else screens.jobs.reload(); draw(); },
    changed,
    now: (noted) => changed(noted.map((job) => ({ job }))),
    failed() { tick(); },
    between: () => around.step(),
  },
});
const sendCommand = makeSender(api, model);
const around = new Around({ api, model, clock, told: () => draw(), hidden: isHidden });
const stop = new StopPanel({
  root: find("[data-stop]"), model, clock, sound, send, makeSafe, refused: () => live.problem?.status === 401,
});

function send(command, options) {
  return asked(sendCommand(command, options));
}

function makeSafe(site, options) {
  return asked(api.post("make_safe", { site }, options));
}

async function asked(answer) {
  try {
    return await answer;
  } catch (error) {
    if ([401, 403].includes(error.status)) around.refused();
    throw error;
  }
}

// Also jobs whose note alone is another one, without a change of their own.
function changed(changes) {
  for (const screen of [screens.jobs, screens.job]) screen.changed(changes);
  if (stop.changed(changes)) live.nowWanted = true;
  draw();
}

// The server was started anew, or the page slept too long to catch up: nothing that was loaded counts.
function startAnew() {
  around.forget();
  screens.job.reload();
  screens.jobs.reload();
  screens.send.reload();
  screens.site.reload();
}

function linkState() {
  const { answered, everAnswered } = live;
  return connection({ ageMs: answered.ms(), answered: everAnswered, visibleMs: looked.ms(), hidden: isHidden() });
}

function draw() {
  strip.update(model, view.site() || stop.site || busiest(model, [...model.sites.keys()]));
  find('[data-tab="send"]').hidden = !mayCommand(model.user);
  if (current) screens[current.screen].update(linkState());
  setText(find("[data-version]"), model.version ? `The server is prjobs ${model.version}.` : "");
  stop.aim(view.siteOpened(), visits);
  if (!model.user) show(find("[data-logout-problem]"), false);
  showStray();
  tick();
}

function showStray() {
  setLine(find("[data-stray]"), model.loaded ? strayWords(location.hash, siteNames(model)) : "");
}

function setLine(line, words) {
  setText(line, words);
  show(line, words);
}


function tick() {
  setLine(find("[data-lock-line]"), lockLine(view.locks(), clock.now()));
  const state = linkState();
  strip.tick(state);
  if (current) screens[current.screen].tick(state);
  stop.tick();
  upgrade.tick();
  alarms.update({ onNow: current?.screen === "now", site: current?.screen === "now" ? view.site() : "", dead: state.kind === "not_live" });
  setText(find("title"), view.title(state));
}

// Once a second, just after the server's second turns, so that all clocks of a room turn together.
function everySecond() {
  tick();
  setTimeout(everySecond, 1005 - (((clock.now() % 1000) + 1000) % 1000));
}

// ---- screens and addresses

function openRoute() {
  const route = { ...parseRoute(location.hash), hash: location.hash || "#/now" };
  const before = current;
  current = route;
  visits += 1;
  if (before && before.screen !== route.screen) leave(before);
  for (const section of document.querySelectorAll("[data-screen]")) section.hidden = section.dataset.screen !== route.screen;
  screens[route.screen].show(route, cameFrom);
  markTabs(route);
  takeMany(route);
  draw();
  if (before && before.screen !== route.screen) arrive(route);
}

// With many sites the page asks only for what somebody looks at: ask for it at once.
function takeMany(route) {
  if (!model.many) return;
  missedChanges ||= live.feed() !== "";
  if (route.screen === "jobs" && missedChanges) { missedChanges = false; screens.jobs.reload(); }
  const site = view.site();
  if (!knowsSite(model, site) || model.sites.has(site)) return;
  live.wake({ impatient: true });
  live.loadEvents(site).then(draw, () => {});
}

function leave(before) {
  screens[before.screen].hide();
  if (before.screen !== "job") cameFrom = before.hash;
}

function arrive(route) {
  if (screens[route.screen].keepsFocus?.()) return;
  if (route.screen !== "jobs") scrollTo(0, 0);
  if (route.screen === "job") screens.job.focusTitle();
  else find(`[data-screen="${route.screen}"] h1`).focus({ preventScroll: true });
}

// The way to the jobs leads back to the filter and the night that were looked at.
function markTabs(route) {
  const name = route.screen === "job" ? "jobs" : route.screen;
  for (const tab of document.querySelectorAll("[data-tab]")) {
    setAttr(tab, "aria-current", tab.dataset.tab === name ? "page" : null);
  }
  setAttr(find('[data-tab="now"]'), "href", screens.now.left());
  if (route.screen === "jobs") setAttr(find('[data-tab="jobs"]'), "href", route.hash);
}

// At once, so that a key pressed right after finds the new screen.
function go(hash, { replace = false } = {}) {
  if (replace) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
  openRoute();
}

// ---- keys

function back() {
  if (current.screen === "now" && !view.site()) return false;
  if (current.screen === "job" && cameFrom !== null) history.back();
  else if (current.screen === "job") toJobs();
  else toNow();
  return true;
}

function toJobs() {
  if (current.screen !== "jobs") go(find('[data-tab="jobs"]').getAttribute("href"));
}

function toNow() {
  go(screens.now.left());
}

function toFilter() {
  if (current.screen === "now" && screens.now.isTable()) { find("#sites-filter").focus(); return; }
  toJobs();
  find("#filter").focus();
  find("#filter").select();
}

function toggleHelp() {
  const dialog = find("[data-help-dialog]");
  if (dialog.open) { dialog.close(); return; }
  // Not modal: a modal dialog would take STOP away from everybody.
  dialog.show();
  find("#help-title").focus();
}

function fillMeanings() {
  for (const [phase, meaning] of Object.entries(PHASE_MEANINGS)) {
    const row = clone("t-fact");
    setText(parts(row).name, PHASE_WORDS[phase]);
    setText(parts(row).value, meaning);
    find("[data-meanings]").append(row);
  }
}

async function logOut() {
  const problem = await api.post("logout").then(() => "", ({ message }) => `You are still logged in. ${message}`);
  setText(find("[data-logout-problem]"), problem);
  show(find("[data-logout-problem]"), problem);
  if (!problem) forgetLogin();
  live.wake();
}

const strip = startStrip({ strip: find("[data-strip]"), notices: find("[data-notices]"), live, clock, onLogout: logOut });
screens.now = startNow({ root: find('[data-screen="now"]'), model, clock, stop, go });
screens.jobs = new JobsScreen({ root: find('[data-screen="jobs"]'), model, clock, api, go });
screens.job = new JobScreen({ root: find('[data-screen="job"]'), model, clock, api, go });
screens.send = new SendScreen({ root: find('[data-screen="send"]'), model, clock, api, send });
screens.site = new SiteScreen({ root: find('[data-screen="site"]'), model, clock, api, around, go, logOut,
  lookAgain: () => live.wake() });

const alarms = new AlarmList({
  root: find("[data-alarms]"), line: find("[data-alarm-line]"), strip: find("[data-strip]"), button: find("[data-sound-button]"),
  region: find("[data-alarm-region]"), model, clock, api, sound, stop,
});

const upgrade = new Upgrade({ notice: find("[data-upgrade]"), model, touched: new Since() });

// There a site is chosen without another address.
find('[data-screen="send"] [data-part="sites"]').addEventListener("click", (event) => {
  if (event.target.closest("button")) stop.choose(screens.send.site());
});

fillMeanings();
startLook(find("[data-theme-button]"));
startTips(find("[data-tip-box]"));
find("[data-help]").addEventListener("click", toggleHelp);
find("[data-skip]").addEventListener("click", (event) => { event.preventDefault(); find("#main").focus(); });
startKeys({
  now: toNow, jobs: toJobs, send: () => go("#/send"), site: () => go("#/site"), back, filter: toFilter, help: toggleHelp,
  theme: () => find("[data-theme-button]").click(),
  down: () => moveRow(find(`[data-screen="${current.screen}"]`), 1),
  up: () => moveRow(find(`[data-screen="${current.screen}"]`), -1),
}, find("[data-single-keys-box]"));
addEventListener("hashchange", openRoute);
addEventListener("online", () => live.wake());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  looked.restart();
  live.wake();
  tick();
});

openRoute();
everySecond();
live.run();

// The strip on top and what hangs below it: clocks, is the page live, who is logged in. Also the page's title, and NOT LIVE in large letters when the answers stop.

import { announce, parts, setAttr, setText, setTip, show } from "./dom.js";
import { endsSoonWords } from "./login_end.js";
import { nextTurn, siderealWords, turnWords, zoneOf } from "./sky.js";
import { SKEW_WORTH_SAYING } from "./state.js";
import { ago, bothTimes, localClock, showsUtc, span, utcClock, zoneName } from "./time.js";
import { skewWords } from "./words.js";

const LINK_WORDS = { starting: "connecting", returning: "catching up", not_live: "NOT LIVE" };

export function startStrip({ strip, notices, live, clock, onLogout }) {
  const [top, below] = [parts(strip), parts(notices)];
  below.retry.addEventListener("click", () => live.wake({ impatient: true }));
  for (const button of [top.logout, below.accountLogout]) button.addEventListener("click", onLogout);
  let wasLive = true;

  let sky = null;
  let zone;

  function tick(state) {
    showClocks(top, clock.now(), zone, sky?.site);
    showSky(top, sky, zone, clock.now());
    showLink(top, state, live.answered.ms());
    showNotLive(below, state, live, clock);
    showSkew(below, clock.skew());
    document.documentElement.dataset.live = state.live ? "yes" : "no";
    if (state.live && !wasLive) announce("Live again");
    wasLive = state.live;
  }

  function update(model, site) {
    sky = model.around.sky.get(site) || null;
    zone = zoneOf(model.around, site);
    show(top.demo, model.demo);
    showUser(top, below, model);
    const ends = endsSoonWords(model.user, clock.now(), zone);
    show(below.loginEnds, ends);
    setText(below.loginEndsWords, ends);
  }

  return { tick, update };
}

// UTC first; then the time at the site, or this browser's where the site's zone is not known.
function showClocks(top, now, zone, site) {
  setText(top.utc, utcClock(now));
  show(top.localBox, !showsUtc(now, zone));
  setText(top.local, localClock(now, zone));
  setText(top.zone, zoneName(now, zone));
  setTip(top.localBox, `${bothTimes(now, zone)} (${zone ? `at ${site}, ${zone}` : "this browser's zone"})`);
}

function showSky(top, sky, zone, now) {
  const [lst, turn] = [siderealWords(sky, now), nextTurn(sky, now)];
  show(top.lstBox, lst);
  setText(top.lst, lst);
  show(top.turnBox, turn);
  if (!turn) return;
  setText(top.turnName, turn.name);
  setText(top.turn, turnWords(turn));
  setTip(top.turnBox, `${turn.name} at ${sky.site}: ${bothTimes(turn.ms, zone)}`);
}

function showLink(top, { kind }, ageMs) {
  setAttr(top.link, "data-kind", kind);
  const words = { live: `live ${Math.floor(ageMs / 1000)} s`, late: `updated ${ago(ageMs)}`, ...LINK_WORDS };
  setText(top.linkText, words[kind]);
  setTip(top.link, `The server's last answer came ${ago(ageMs)}.`);
}

function showNotLive(below, { kind }, live, clock) {
  const dead = kind === "not_live";
  show(below.notLive, dead);
  setText(below.notLiveAlert, dead ? "NOT LIVE" : "");
  show(below.locked, live.problem?.status === 401);
  if (!dead) return;
  const ageMs = live.answered.ms();
  const last = `Last answer ${utcClock(clock.now() - ageMs)} UTC, ${span(ageMs)} ago. What you see is old.`;
  const why = live.problem?.message || "The server does not answer.";
  setText(below.notLiveWhy, `${why} ${live.everAnswered ? last : "There was no answer yet."}`);
  const retry = Math.ceil(live.retryInMs() / 1000);
  setText(below.notLiveRetry, retry > 0 ? `Trying again in ${retry} s.` : "Trying now.");
}

function showSkew(below, skewMs) {
  const worth = Math.abs(skewMs) > SKEW_WORTH_SAYING;
  show(below.skew, worth);
  if (worth) setText(below.skew, `Clocks differ: ${skewWords(skewMs)}. Times here are the server's.`);
}

function showUser(top, below, { loaded, user }) {
  show(below.account, user);
  show(top.user, user);
  show(top.logout, user);
  show(top.login, loaded && !user);
  if (!user) return;
  for (const name of [top.userName, below.accountName]) setText(name, user.user_name || user.user_id);
  setTip(top.user, [user.user_id, ...(user.roles || [])].join(" · "));
}

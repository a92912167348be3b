// The strip on top and what hangs below it: clocks, is the page live, who is logged in. Also the page's title, and NOT LIVE in large letters when the answers stop.

import { announce, parts, setAttr, setText, setTip, show } from "./dom.js";
import { nextTurn, siderealWords, turnWords } from "./sky.js";
import { SKEW_WORTH_SAYING } from "./state.js";
import { ago, bothTimes, localClock, span, utcClock, zoneName } from "./time.js";
import { skewWords } from "./words.js";

const LINK_WORDS = { starting: "connecting", returning: "catching up", not_live: "NOT LIVE" };

export function startStrip({ strip, notices, live, clock, onLogout }) {
  const [top, below] = [parts(strip), parts(notices)];
  below.retry.addEventListener("click", () => live.wake({ impatient: true }));
  top.logout.addEventListener("click", onLogout);
  let wasLive = true;

  let sky = null;

  function tick(state) {
    showClocks(top, clock);
    showSky(top, sky, clock.now());
    showLink(top, state, live.answered.ms());
    showNotLive(below, state, live, clock);
    showSkew(below, clock.skew());
    document.documentElement.dataset.live = state.live ? "yes" : "no";
    if (state.live && !wasLive) announce("Live again");
    wasLive = state.live;
  }

  function update(model, site) {
    sky = model.around.sky.get(site) || null;
    show(top.demo, model.demo);
    showUser(top, model);
  }

  return { tick, update };
}

function showClocks(top, clock) {
  const now = clock.now();
  setText(top.utc, utcClock(now));
  setText(top.local, localClock(now));
  setText(top.zone, zoneName(now));
  setTip(top.local.parentElement, `${bothTimes(now)} (this browser's zone)`);
}

function showSky(top, sky, now) {
  const [lst, turn] = [siderealWords(sky, now), nextTurn(sky, now)];
  show(top.lstBox, lst);
  setText(top.lst, lst);
  show(top.turnBox, turn);
  if (!turn) return;
  setText(top.turnName, turn.name);
  setText(top.turn, turnWords(turn));
  setTip(top.turnBox, `${turn.name} at ${sky.site}: ${bothTimes(turn.ms, sky.zone || undefined)}`);
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

function showUser(top, { loaded, user }) {
  show(top.user, user);
  show(top.logout, user);
  show(top.login, loaded && !user);
  if (!user) return;
  setText(top.userName, user.user_name || user.user_id);
  setTip(top.user, [user.user_id, ...(user.roles || [])].join(" · "));
}

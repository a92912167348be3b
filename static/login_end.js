// Did a login that could stop end here? The browser remembers that there was one until its user logs out, so that a
// page that is loaded anew says it as well. Also the words about a login that ends soon.

import { mayCommand } from "./acts.js";
import { bothTimes, DAY, HOUR } from "./time.js";

const KEPT_AS = "prjobs_could_stop";

// The corner's words where there is no STOP: {words, act, ended}, or null where there is nothing to say.
export function cornerWords(model, { refused, remembered, wall }) {
  const { loaded, user } = model;
  if (remembered && (refused || (loaded && !user))) {
    return { words: "Your login has ended: STOP needs a login.", act: "Log in", ended: true };
  }
  if (wall || refused || !loaded || mayCommand(user)) return null;
  return user
    ? { words: "Your login may look, not stop.", act: "Log in as somebody else", ended: false }
    : { words: "STOP needs a login.", act: "Log in", ended: false };
}

// "" until the server's time to warn has come.
export function endsSoonWords(user, nowMs, zone) {
  if (!user?.login_ends_ms || nowMs < user.login_warn_ms) return "";
  const leftMs = user.login_ends_ms - nowMs;
  const left = leftMs >= 2 * DAY ? `${Math.floor(leftMs / DAY)} days` : `${Math.max(1, Math.floor(leftMs / HOUR))} h`;
  const stop = mayCommand(user) ? " From then on STOP does not work here." : "";
  return `Your login ends in ${left}, at ${bothTimes(user.login_ends_ms, zone)}.${stop}`;
}

// A browser may keep nothing; then it is remembered as long as the page.
let here = false;
// Who logs out comes back by the login page, which is another page; until then an answer may be under way that names him.
let loggedOut = false;

export function remembered() {
  try {
    return localStorage.getItem(KEPT_AS) === "yes";
  } catch {
    return here;
  }
}

export function remember(could) {
  if (loggedOut) return;
  here = could;
  try {
    if (could) localStorage.setItem(KEPT_AS, "yes");
    else localStorage.removeItem(KEPT_AS);
  } catch { /* see above */ }
}

export function forgetLogin() {
  remember(false);
  loggedOut = true;
}

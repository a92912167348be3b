// The login page: takes the one-time key of the address (#once=KEY), else a token that is pasted, and goes to the
// monitor when the server accepts it.

import { post } from "./api.js";
import { parts, setText, show } from "./dom.js";

const MONITOR = new URL("../", import.meta.url).href;

// The one-time key of an address, or "".
export function onceKey(hash) {
  return new URLSearchParams((hash || "").replace(/^#/, "")).get("once") || "";
}

// A token as it was pasted: line breaks and a "Bearer" in front are not part of it.
export function cleanToken(text) {
  return text.trim().replace(/^bearer\s+/i, "").replace(/\s+/g, "");
}

async function logIn(here, proof) {
  setText(here.problem, "");
  setText(here.state, "Logging in…");
  here.submit.disabled = true;
  try {
    await post("login", proof);
    location.replace(MONITOR);
  } catch (error) {
    setText(here.state, "");
    setText(here.problem, proof.once ? `This link does not log in. ${error.message} Paste a token instead.` : error.message);
    show(here.form, true);
    here.submit.disabled = false;
    here.token.focus();
  }
}

function start() {
  const here = parts(document.querySelector("main"));
  const once = onceKey(location.hash);
  // The key works once; it has no business in the history.
  if (once) history.replaceState(null, "", location.pathname);
  show(here.form, !once);
  here.form.addEventListener("submit", (event) => {
    event.preventDefault();
    const token = cleanToken(here.token.value);
    if (token) logIn(here, { token });
  });
  if (once) logIn(here, { once });
  else here.token.focus();
}

if (document.body?.classList.contains("login-page")) start();

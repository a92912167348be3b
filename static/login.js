// The login page: takes the one-time key of the address (#once=KEY) or the token of a wall display (#token=…&wall=1),
// else a token that is pasted, and goes to the monitor when the server accepts it. Its form does nothing before this
// script is there, and has no named fields: without the script no token leaves the page.

import { post } from "./api.js";
import { parts, setText, show } from "./dom.js";

const MONITOR = new URL("../", import.meta.url).href;

// What an address proves: {once} or {token}, or null; `wall` when it is meant for a display.
export function proofOf(hash) {
  const said = new URLSearchParams((hash || "").replace(/^#/, ""));
  const [once, token] = [said.get("once") || "", cleanToken(said.get("token") || "")];
  const proof = once ? { once } : token ? { token } : null;
  return { proof, wall: said.get("wall") === "1" };
}

// A token as it was pasted: line breaks and a "Bearer" in front are not part of it.
export function cleanToken(text) {
  return text.trim().replace(/^bearer\s+/i, "").replace(/\s+/g, "");
}

const after = (wall) => (wall ? `${MONITOR}?wall=1` : MONITOR);

async function logIn(here, proof, { wall = false, link = false } = {}) {
  setText(here.problem, "");
  setText(here.state, "Logging in…");
  here.submit.disabled = true;
  try {
    await post("login", proof);
    location.replace(after(wall));
  } catch (error) {
    setText(here.state, "");
    setText(here.problem, link ? `This link does not log in. ${error.message} Paste a token instead.` : error.message);
    show(here.form, true);
    here.submit.disabled = false;
    here.token.focus();
  }
}

// What the address proves has no business in the history.
function takeProof(here) {
  const { proof, wall } = proofOf(location.hash);
  if (proof) history.replaceState(null, "", location.pathname);
  show(here.form, !proof);
  if (proof) logIn(here, proof, { wall, link: true });
  else here.token.focus();
}

function start() {
  const here = parts(document.querySelector("main"));
  here.form.addEventListener("submit", (event) => {
    event.preventDefault();
    const token = cleanToken(here.token.value);
    // The browser's own bubble about an empty field is white.
    if (token) logIn(here, { token });
    else setText(here.problem, "Paste a token first.");
  });
  here.submit.disabled = false;
  takeProof(here);
  // A link that is opened where this page is open already changes the fragment alone.
  addEventListener("hashchange", () => takeProof(here));
}

if (document.body?.classList.contains("login-page")) start();

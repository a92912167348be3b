// The address of a screen: #/now, #/now?site=SITE, #/jobs?q=…&night=2026-11-23, #/jobs/ULID, #/send, #/site/SITE. Pure functions.

import { isNight } from "./night.js";

const ULID = /^[0-9A-HJKMNP-TV-Z]{26}$/i;

export function parseRoute(hash) {
  const [path, query = ""] = splitOnce((hash || "").replace(/^#\/?/, ""), "?");
  const [screen, ulid = ""] = path.split("/");
  if (screen === "jobs" && ULID.test(ulid)) return { screen: "job", ulid: ulid.toUpperCase() };
  if (screen === "send") return { screen };
  if (screen === "site") return { screen, site: decoded(ulid) };
  if (screen !== "jobs") return query && screen === "now" ? { screen: "now", query } : { screen: "now" };
  const params = new URLSearchParams(query);
  const night = params.get("night");
  return { screen: "jobs", q: params.get("q") || "", night: isNight(night) ? night : null };
}

// What the page says of an address that leads nowhere; "" when it leads somewhere. `sites`: the names of all known.
export function strayWords(hash, sites) {
  const [path, query = ""] = splitOnce((hash || "").replace(/^#\/?/, ""), "?");
  const [screen, name = ""] = path.split("/");
  const site = screen === "now" ? new URLSearchParams(query).get("site") || "" : decoded(name);
  if (screen === "site" || (screen === "now" && !name)) return !site || sites.includes(site) ? "" : `No site “${site}” is known here.`;
  const isKnown = ["", "now", "send"].includes(screen) || (screen === "jobs" && (!name || ULID.test(name)));
  return isKnown ? "" : `There is no such address here: ${hash}`;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

function splitOnce(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

export function jobsRoute(q, night) {
  const params = new URLSearchParams();
  if (q) params.set("q", q);
  if (night) params.set("night", night);
  const query = params.toString();
  return query ? `#/jobs?${query}` : "#/jobs";
}

export function jobRoute(ulid) {
  return `#/jobs/${encodeURIComponent(ulid)}`;
}

export function siteRoute(site) {
  return `#/site/${encodeURIComponent(site)}`;
}

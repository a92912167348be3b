// The one way to talk to the server: JSON in, JSON out, a time limit on every request, and every failure an
// ApiError whose message is a sentence for the person in front of the page.

const BASE = new URL("../api/", import.meta.url);

export class ApiError extends Error {
  constructor(sentence, { status = 0, code = "", manual = "" } = {}) {
    super(sentence);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    // Where the manual says more, relative to the page.
    this.manual = manual;
  }
}

const notes = new WeakMap();

// The server's sentence beside an answer, such as where a job waits; empty for none.
export const noteOf = (answer) => notes.get(answer) || "";

export const get = (path, params, options) => request(path, { ...options, params });
export const post = (path, body, options) => request(path, { ...options, method: "POST", body });
export const remove = (path, body, options) => request(path, { ...options, method: "DELETE", body });

async function request(path, { method = "GET", params = {}, body, headers, timeoutMs = 10000, signal } = {}) {
  const limit = timeLimit(timeoutMs, signal);
  try {
    const response = await fetch(address(path, params), { ...requestOptions(method, body, headers), signal: limit.signal });
    return await answerOf(response);
  } catch (error) {
    throw asApiError(error, limit, timeoutMs);
  } finally {
    limit.end();
  }
}

function address(path, params) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

// The header marks a change as the page's own: a foreign page cannot send it with the login cookie.
function requestOptions(method, body, headers) {
  const options = { method, cache: "no-store", credentials: "same-origin", headers: { Accept: "application/json", ...headers } };
  if (method === "GET") return options;
  options.headers["X-Prjobs-Page"] = "1";
  options.headers["Content-Type"] = "application/json";
  return { ...options, body: JSON.stringify(body ?? {}) };
}

function timeLimit(timeoutMs, outer) {
  const controller = new AbortController();
  const limit = { signal: controller.signal, expired: false };
  const stop = () => controller.abort();
  const timer = setTimeout(() => { limit.expired = true; stop(); }, timeoutMs);
  if (outer?.aborted) stop();
  outer?.addEventListener("abort", stop);
  limit.end = () => { clearTimeout(timer); outer?.removeEventListener("abort", stop); };
  return limit;
}

async function answerOf(response) {
  const text = await response.text();
  const answer = parsed(text);
  if (response.ok && answer !== undefined) return noted(answer, response);
  throw new ApiError(sentenceOf(response, answer, text), {
    status: response.status, code: answer?.code || "", manual: manualOf(response),
  });
}

function noted(answer, response) {
  const note = response.headers.get("X-Prjobs-Note");
  if (note && answer) notes.set(answer, note);
  return answer;
}

function manualOf(response) {
  return /<\/?(manual[^>]*)>; rel="help"/.exec(response.headers.get("Link") || "")?.[1] || "";
}

function parsed(text) {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function sentenceOf(response, answer, text) {
  if (typeof answer?.error === "string" && answer.error) return answer.error;
  // The endpoints of the wire contract refuse in plain text.
  if (!response.ok && /^[^<{[]{4,400}$/.test(text.trim())) return text.trim();
  if (response.ok) return "The server's answer could not be read.";
  return `The server refused this (${response.status}) without saying why.`;
}

function asApiError(error, limit, timeoutMs) {
  if (error instanceof ApiError) return error;
  const seconds = Math.round(timeoutMs / 1000);
  if (limit.expired) return new ApiError(`The server did not answer within ${seconds} s.`, { code: "timeout" });
  if (error.name === "AbortError") return new ApiError("The request was given up.", { code: "aborted" });
  return new ApiError("The server cannot be reached.", { code: "unreachable" });
}

// Jobs as a CSV file for spreadsheets, all pages of a query. A text that a spreadsheet would run as a formula gets
// an apostrophe in front.

import { utcClock, utcDate } from "./time.js";

const COLUMNS = ["ulid", "site", "device", "instance", "action", "label", "user_id", "user_name", "status", "phase", "note"];
const PAGE = 1000;

export function toCsv(jobs) {
  const head = ["created_utc", "changed_utc", ...COLUMNS].join(",");
  const line = (job) => [moment(job.created_ms), moment(job.changed_ms), ...COLUMNS.map((name) => cell(job[name]))].join(",");
  return `${[head, ...jobs.map(line)].join("\r\n")}\r\n`;
}

const moment = (ms) => `${utcDate(ms)} ${utcClock(ms)}`;

function cell(value) {
  const text = String(value ?? "");
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export async function fetchAll(api, query) {
  const jobs = [];
  let before;
  do {
    const answer = await api.get("jobs", { ...query, limit: PAGE, before });
    jobs.push(...answer.jobs);
    before = answer.next;
  } while (before);
  return jobs;
}

export function saveCsv(jobs, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([toCsv(jobs)], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

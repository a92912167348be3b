"""`prjobs jobs`, `prjobs watch`."""

import sys
import time

import msgspec

from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.marks import marked
from prjobs.base.suggestions import did_you_mean
from prjobs.cli.reading import reading_database
from prjobs.cli.terminal import Namespace, Parser, add_data, duration_s, folder_of, print_json, stderr, utc
from prjobs.jobs import log, lookup
from prjobs.jobs.states import WORDS
from prjobs.monitor import views
from prjobs.monitor.views import Filter, view_job
from prjobs.store.database import Database
from prjobs.store.models import JobRow

PAGE = 1000
WATCH_S = 0.3
REPORTED_SHOWN = 20


def add_jobs(jobs: Parser) -> None:
    """Declare `jobs`."""
    add_data(jobs)
    jobs.add_argument("--site")
    jobs.add_argument("--status", help="a status word such as UNREAD or FAILED")
    jobs.add_argument("--since", type=duration_s, default=86_400.0, help="how far back: 15m, 24h, 7d (default: 24h)")
    jobs.add_argument("--json", action="store_true", help="one JSON object a line")
    jobs.set_defaults(run=run_jobs)


def add_watch(watch: Parser) -> None:
    """Declare `watch`."""
    add_data(watch)
    watch.add_argument("--site")
    watch.add_argument("--json", action="store_true", help="one JSON object a line")
    watch.set_defaults(run=run_watch)


def run_jobs(asked: Namespace) -> None:
    """List the jobs of the last hours, with or without a running server."""
    database = reading_database(folder_of(asked))
    if asked.status:
        _require_status(database, asked.status)
    before, is_any = None, False
    since_ms = Clock().now_ms() - int(asked.since * 1000)
    while True:
        page = Filter(
            sites=[asked.site] if asked.site else (), status=asked.status, since_ms=since_ms, before=before, limit=PAGE
        )
        rows, before = views.list_jobs(database, page)
        is_any |= bool(rows)
        for row in rows:
            print_json(msgspec.to_builtins(view_job(row))) if asked.json else print(_job_line(row))
        if before is None:
            break
    if asked.site and not is_any:
        _note_site(database, asked.site)


def _note_site(database: Database, site: str) -> None:
    sites = lookup.sites_with_jobs(database)
    if site not in sites:
        stderr(f"note: no job of the site {marked(site)} is stored here. {did_you_mean(site, sites)}".rstrip())


def _require_status(database: Database, word: str) -> None:
    """Raise Unusable for an unknown status: neither a state of prjobs nor ever reported in this store."""
    if word.upper() in WORDS:
        return
    reported = {status for (status,) in database.fetch("SELECT DISTINCT status FROM change")} - WORDS
    if word.casefold() not in map(str.casefold, reported):
        near = did_you_mean(word, WORDS | reported)
        listed = ", ".join(map(marked, [*sorted(WORDS), *sorted(reported)[:REPORTED_SHOWN]]))
        raise Unusable(f"No job here ever had the status {marked(word)}. {near and f'{near} '}Known: {listed}.")


def _job_line(row: JobRow) -> str:
    job = view_job(row)
    line = f"{utc(job.created_ms)}  {job.site:8} {job.ulid}  {job.status:10}  {job.label}  ({job.user_name})"
    return marked(f"{line}  {job.note}".rstrip())


def run_watch(asked: Namespace) -> None:
    """Print changes until Ctrl-C."""
    database = reading_database(folder_of(asked))
    seq = log.last_seq(database)
    while True:
        for change in log.list_changes(database, seq, [asked.site] if asked.site else ()):
            seq = change.seq
            view = views.view_change(change)
            if asked.json:
                print_json(msgspec.to_builtins(view))
            else:
                job = view_job(change.job)
                queue = "" if view.queue != "alternate" else " (alternate queue)"
                line = (
                    f"{utc(view.time_ms)}  {job.site:8} {job.ulid}  {view.status:10}  {job.label}{queue}  {view.note}"
                )
                print(marked(line.rstrip()))
        sys.stdout.flush()
        time.sleep(WATCH_S)

"""The doctor's checks of the rows of a store, on either engine: identity, clock, polls, hand-outs, tokens."""

from contextlib import suppress

from prjobs.access.ending_tokens import ending
from prjobs.access.operator_client import proved_client
from prjobs.access.tokens import tokens_in
from prjobs.base.errors import Unusable
from prjobs.base.notices import Code
from prjobs.base.sites import same_but_case, sites_in_settings
from prjobs.base.suggestions import did_you_mean
from prjobs.base.ulids import floor_ulid
from prjobs.client import CallFailed
from prjobs.jobs.polls import SILENT_AFTER_MS, SILENT_GAPS
from prjobs.jobs.states import PRIMARY, UNCONFIRMED, UNREAD
from prjobs.upkeep.findings import NOTE, OK, WRONG, Finding, Findings, Patient, noted
from prjobs.upkeep.inspection import Connection

SHOWN = 10
DAY_MS = 86_400_000
# A server saves the times of polls once a minute.
SAVED_EVERY_MS = 60_000
FRESH_MS = 120_000
TOLERANCE_MS = 10_000
SERVER_S = 5.0


def check_rows(patient: Patient, connection: Connection) -> Findings:
    """Check the clock, polls, hand-outs and tokens, in the store of either engine."""
    yield from _check_clock(patient, connection)
    yield from _check_polls(patient, connection)
    yield _check_handouts(patient, connection)
    yield from _check_tokens(patient, connection)


def _check_tokens(patient: Patient, connection: Connection) -> Findings:
    tokens = tokens_in(lambda sql, values: connection.execute(sql, values).fetchall())
    said = ending(tokens, patient.clock.now_ms())
    yield from (noted("tokens", Code.TOKEN_ENDS, sentence) for sentence in said.values())
    if not said:
        yield Finding(OK, "tokens", "No token ends within 14 days.")


def check_identity(patient: Patient, connection: Connection, another: str) -> Finding:
    """Compare the identity in the store with the one of the data folder; `another` is the sentence if they differ."""
    own = connection.execute("SELECT value FROM fact WHERE name = 'identity'").fetchone()
    known = patient.folder.identity().get("identity")
    if own and known and own[0] != known:
        return Finding(WRONG, "identity", another)
    return Finding(OK, "identity", "The store is this folder's own.")


def damaged_findings(damaged: list[str], checked: int) -> Findings:
    """Return the findings for the ids of damaged jobs, among so many checked."""
    for ulid in damaged[:SHOWN]:
        sentence = f"Job {ulid} is damaged: cancel the job if it still waits, and do not send it again."
        yield Finding(WRONG, "jobs", sentence)
    if len(damaged) > SHOWN:
        yield Finding(WRONG, "jobs", f"{len(damaged) - SHOWN} more jobs are damaged: restore a backup.")
    if not damaged:
        yield Finding(OK, "jobs", f"No job is damaged: {checked} checked.")


def _check_clock(patient: Patient, connection: Connection) -> Findings:
    """Compare the clock with the times in the store."""
    now_ms = patient.clock.now_ms()
    newest = connection.execute("SELECT time_ms FROM change ORDER BY seq DESC LIMIT 1").fetchone()
    last_ms = connection.execute("SELECT created_ms FROM job ORDER BY ulid DESC LIMIT 1").fetchone()
    if newest and newest[0] > now_ms + TOLERANCE_MS:
        sentence = f"The clock is {age(newest[0] - now_ms)} behind the newest change: set this machine's clock."
        yield Finding(WRONG, "clock", sentence)
    elif last_ms and last_ms[0] > now_ms + TOLERANCE_MS:
        ahead = age(last_ms[0] - now_ms)
        yield Finding(NOTE, "clock", f"Ids run {ahead} ahead, as the clock once did; new ids go on from there.")
    else:
        yield Finding(OK, "clock", "The clock is not behind the times in the store.")


def _check_polls(patient: Patient, connection: Connection) -> Findings:
    now_ms = patient.clock.now_ms()
    waiting = dict(
        connection.execute(
            f"SELECT site, count(*) FROM job WHERE status = '{UNREAD}' AND ulid < ? GROUP BY site",
            (floor_ulid(now_ms - FRESH_MS),),
        ).fetchall()
    )
    polls = _polls(patient, connection)
    for site, queue, last_ms, gap_ms in polls:
        age_ms = max(0, now_ms - last_ms)
        name = site if queue == PRIMARY else f"{site} ({queue} queue)"
        silent = age_ms > max(SILENT_AFTER_MS, SILENT_GAPS * (gap_ms or 0)) + SAVED_EVERY_MS
        jobs_wait = waiting.get(site, 0) if queue == PRIMARY else 0
        yield _poll_finding(patient, f"{name} polled last {age(age_ms)} ago", silent, jobs_wait)
    yield from _check_sites(patient, {site for site, *_ in polls}, set(waiting))
    if not polls and not waiting:
        yield Finding(NOTE, "polls", "No observatory has polled yet.")
    for site in sorted(waiting.keys() - {site for site, queue, *_ in polls if queue == PRIMARY}):
        meant = did_you_mean(site, {site for site, *_ in polls} | sites_in_settings(patient.settings).keys() - {site})
        yield _poll_finding(patient, f"{site} never polled", True, waiting[site], meant)


def _check_sites(patient: Patient, polled: set[str], waiting: set[str]) -> Findings:
    """Check the sites that settings name, and names that differ by letter case alone."""
    named = sites_in_settings(patient.settings)
    for site in sorted(named.keys() - polled):
        meant = did_you_mean(site, polled - named.keys()) or "Correct the setting if the name is wrong."
        sentence = f"{' and '.join(named[site])} has the site {site}, and no observatory of {site} ever polled. {meant}"
        yield Finding(NOTE, "polls", sentence)
    yield from (Finding(NOTE, "polls", said) for said in same_but_case({*polled, *waiting, *named}))


def _polls(patient: Patient, connection: Connection) -> list[tuple[str, str, int, int | None]]:
    """Return (site, queue, last_ms, usual_gap_ms): the running server's, newer than the file's; else the file's."""
    if patient.url:
        with suppress(CallFailed, Unusable, KeyError, TypeError):
            with proved_client(patient.folder, patient.url, patient.clock, SERVER_S) as client:
                sites = client.api("GET", "/api/now")["sites"]
            return [
                (one["site"], queue, polls["last_ms"], polls["usual_gap_ms"])
                for one in sites
                for queue, polls in one["polls"].items()
                if polls["last_ms"]
            ]
    sql = "SELECT site, queue, last_ms, usual_gap_ms FROM poll ORDER BY site, queue DESC"
    return connection.execute(sql).fetchall()


def _poll_finding(patient: Patient, said: str, silent: bool, waiting: int, meant: str = "") -> Finding:
    if not silent:
        return Finding(OK, "polls", f"{said}.")
    if not waiting:
        return Finding(NOTE, "polls", f"{said}.")
    wait = "1 job waits" if waiting == 1 else f"{waiting} jobs wait"
    level = WRONG if patient.is_served else NOTE
    sentence = f"{said}, and {wait}: check that the observatory's program runs and reaches this machine. {meant}"
    return Finding(level, "polls", sentence.rstrip())


def _check_handouts(patient: Patient, connection: Connection) -> Finding:
    sql = f"SELECT count(*) FROM handout WHERE state = '{UNCONFIRMED}' AND time_ms >= ?"
    count = connection.execute(sql, (patient.clock.now_ms() - DAY_MS,)).fetchone()[0]
    if not count:
        return Finding(OK, "handouts", "No hand-out of the last day is in doubt.")
    sentence = f"{count} hand-outs of the last day are unconfirmed: check in the monitor whether their jobs arrived."
    return Finding(NOTE, "handouts", sentence)


def age(ms: int) -> str:
    """Return a span of time in words."""
    seconds = ms // 1000
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 172_800 else f"{seconds // 86_400} days"

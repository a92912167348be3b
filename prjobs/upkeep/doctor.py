"""The doctor: the state of a data folder, and the remedies. Every check reads only."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3

from prjobs.base import private
from prjobs.base.clock import Clock
from prjobs.base.errors import LIBRARY_MISSING, Unusable
from prjobs.base.folder import Folder
from prjobs.base.notices import Code
from prjobs.base.settings import Settings
from prjobs.base.settings_sources import FILE_NAME, load_settings
from prjobs.base.sockets import bind_sockets
from prjobs.night.sky import MISSING, lacks_ephem
from prjobs.opening import require_settings
from prjobs.upkeep.ballast import ballast_of
from prjobs.upkeep.copy_state import check_copy
from prjobs.upkeep.cut_off import check_cut_off
from prjobs.upkeep.findings import NOTE, OK, WRONG, Finding, Findings, Patient
from prjobs.upkeep.inspection import damages, has_log, open_read_only
from prjobs.upkeep.machine_checks import check_machine, check_provider
from prjobs.upkeep.service_check import check_service
from prjobs.upkeep.store_checks import check_store

MB = 1_000_000
# The code of the only problem of a hub's process that is ready while another one is active.
STANDBY = "standby"
HEALTH_S = 5.0
LOG_LIMIT_MB = 64
BACKUP_LATE_H = 30


def check_folder(patient: Patient) -> Findings:
    """Check the right to read and write the data folder."""
    folder = patient.folder
    for path in (folder.path, folder.backups, folder.logs):
        if path.exists() and not path.is_dir():
            yield Finding(WRONG, "folder", f"{path} is a file, where prjobs needs a folder: move the file away.")
            return
        if path.exists() and not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            sentence = f"{path} may not be written: give the user that runs prjobs the right to it."
            yield Finding(WRONG, "folder", sentence)
            return
    yield Finding(OK, "folder", f"{folder.path} can be written.")
    yield from _check_others(folder.path)


def _check_others(folder: Path) -> Findings:
    """Check the rights of other users of the machine; Windows is checked by the secret alone."""
    if private.others_may_write(folder):
        sentence = (
            f"Other users may write in {folder}, and no server starts there: `{private.command_to_close(folder)}`."
        )
        yield Finding(WRONG, "folder", sentence)
    elif os.name != "nt":
        files = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
        if readable := [path for path in (folder, *files) if private.others_may_read(path)]:
            sentence = f'Other users of this machine may read {readable[0]}: `chmod -R go= "{folder}"`.'
            yield Finding(NOTE, "folder", sentence)


def check_settings(patient: Patient) -> Findings:
    """Check the settings."""
    yield _settings(patient.folder, patient.clock)[1]
    if lacks_ephem(patient.settings):
        yield Finding(NOTE, "settings", MISSING)


def check_server(patient: Patient) -> Findings:
    """Check for a running server, and repeat the server's own findings."""
    if not patient.is_served:
        yield Finding(NOTE, "server", "No server runs here. Start one with `prjobs serve`.")
        if patient.settings.cloud_mode != "off":
            sites = ", ".join(patient.settings.cloud_sites)
            said = f"The link to the cloud is {patient.settings.cloud_mode} for {sites}"
            yield Finding(NOTE, "cloud", f"{said}; only a running server carries the link.")
    elif patient.url is None:
        yield Finding(
            WRONG, "server", "A process holds the folder, but wrote no address: check whether the process hangs."
        )
    else:
        yield from _ask(patient.url)


def _ask(url: str) -> Findings:
    try:
        answer = urllib3.request("GET", f"{url}/healthz", timeout=HEALTH_S, retries=False)
        health: dict[str, Any] = answer.json()
        problems, notices = health["problems"], health["notices"]
    except (urllib3.exceptions.HTTPError, ValueError, KeyError, TypeError):
        sentence = f"The server at {url} does not answer: stop its process and start it again."
        yield Finding(WRONG, "server", sentence)
        return
    # The check of the store tells of tokens, and of more of them than the server.
    notices = [one for one in notices if one["code"] != Code.TOKEN_ENDS]
    # A process that is ready to take over has nothing to mend.
    is_ready = [one["code"] for one in problems] == [STANDBY]
    for level, said in ((NOTE if is_ready else WRONG, problems), (NOTE, notices)):
        yield from (
            Finding(level, "server", f"The server says: {one['sentence']}", one["code"], one["manual"]) for one in said
        )
    if not problems:
        yield Finding(OK, "server", f"The server at {url} is well.")
    if cloud := health.get("cloud"):
        yield Finding(OK if cloud["state"] == "in step" else NOTE, "cloud", cloud["sentence"])


def check_port(patient: Patient) -> Findings:
    """Check the port of a server."""
    host, port = patient.settings.host, patient.settings.port
    if patient.url is not None:
        yield Finding(OK, "port", f"The server listens on port {urlsplit(patient.url).port}.")
        return
    try:
        for probe in bind_sockets(host, port):
            probe.close()
    except OSError as error:
        sentence = f"{error.filename or host} port {port} cannot be used ({error.strerror})"
        remedy = "stop the program that uses the port, or set another port. For systemd's prjobs.socket, start prjobs"
        yield Finding(WRONG, "port", f"{sentence}: {remedy}.")
        return
    yield Finding(OK, "port", f"{host} port {port} is free.")


def check_disk(patient: Patient) -> Findings:
    """Check the disk for room for new jobs."""
    free_mb = shutil.disk_usage(patient.folder.path).free // MB
    limit_mb = patient.settings.min_free_mb
    if free_mb < limit_mb:
        sentence = f"{free_mb} MB of disk are free; new jobs need {limit_mb} MB (min_free_mb): make room."
        # The limit of a running server may come from a flag; its own findings tell when jobs are refused.
        yield Finding(NOTE if patient.is_served else WRONG, "disk", sentence)
    else:
        yield Finding(OK, "disk", f"{free_mb} MB of disk are free.")
    if patient.is_served and not ballast_of(patient.folder.path).exists():
        yield Finding(
            NOTE, "disk", "The reserve for a full disk is missing; the server makes a new one once there is room."
        )


def check_log(patient: Patient) -> Findings:
    """Check the size of the write-ahead log beside the store."""
    path = patient.folder.path / f"{patient.folder.database.name}-wal"
    size_mb = path.stat().st_size // MB if path.exists() else 0
    if size_mb > LOG_LIMIT_MB:
        sentence = f"{path} has grown to {size_mb} MB: close other programs that have the store open."
        yield Finding(WRONG, "log", sentence)
    elif not patient.is_served and has_log(patient.folder.database):
        yield Finding(NOTE, "log", "The last stop was not clean; the next start takes in the newest changes.")
    else:
        yield Finding(OK, "log", f"The write-ahead log has {size_mb} MB.")


def check_secret(patient: Patient) -> Findings:
    """Check the secret for signing tokens: present, and readable by the owner only."""
    path = patient.folder.path / "secret"
    if not path.exists():
        level = WRONG if patient.has_store else NOTE
        sentence = "There is no secret: the next start makes a new one, and all older tokens become worthless."
        yield Finding(level, "secret", sentence)
        return
    try:
        patient.folder.known_secret()
    except Unusable as unusable:
        yield Finding(WRONG, "secret", str(unusable))
        return
    is_open = private.others_may_read(path)
    if is_open is None:
        sentence = f"The rights to {path} cannot be read: only you, the system and administrators should have any."
        yield Finding(NOTE, "secret", sentence)
    elif is_open:
        sentence = f"Other users may read the secret that signs tokens: `{private.command_to_close(path)}`."
        yield Finding(WRONG, "secret", sentence)
    else:
        yield Finding(OK, "secret", "The secret is readable by its owner only.")


def check_backup(patient: Patient) -> Findings:
    """Check the age of the newest backup; with `deep`, the file too."""
    newest = patient.folder.newest_backup()
    if not patient.settings.backup_keep:
        yield Finding(NOTE, "backup", "No nightly backups are made (backup_keep is 0).")
    if newest is None:
        sentence = "There is no backup yet: make one with `prjobs backup`; a running server makes one every night."
        yield Finding(NOTE, "backup", sentence)
        return
    age_h = max(0, patient.clock.now_ms() - int(newest.stat().st_mtime * 1000)) / 3_600_000
    said = f"The newest backup, {newest.name}, is {age_h:.0f} h old"
    if newest.stat().st_size == 0 or (patient.deep and _is_damaged(newest)):
        yield Finding(WRONG, "backup", f"The newest backup, {newest}, is damaged: make another with `prjobs backup`.")
    elif age_h > BACKUP_LATE_H and patient.settings.backup_keep:
        level = WRONG if patient.is_served else NOTE
        yield Finding(level, "backup", f"{said}: make another with `prjobs backup`; the server's log has the reason.")
    else:
        yield Finding(OK, "backup", f"{said}.")


def _is_damaged(path: Path) -> bool:
    try:
        connection = open_read_only(path, still=not has_log(path))
    except sqlite3.Error:
        return True
    try:
        return bool(damages(connection))
    finally:
        connection.close()


def check_sqlite(_patient: Patient) -> Findings:
    """Check the version of SQLite: 3.7.0 to 3.51.2 can damage a WAL file that two connections write at once."""
    if has_reset_defect(sqlite3.sqlite_version_info):
        sentence = (
            f"SQLite {sqlite3.sqlite_version} can damage a file that two connections write at the same time. "
            "prjobs writes by one connection: let no other program write the store."
        )
        yield Finding(NOTE, "sqlite", sentence)
    else:
        yield Finding(OK, "sqlite", f"SQLite {sqlite3.sqlite_version}.")


def has_reset_defect(version: tuple[int, ...]) -> bool:
    """Return True if this SQLite has the defect in resetting the write-ahead log; two older branches have the fix."""
    repaired = (3, 44, 6) <= version < (3, 45) or (3, 50, 7) <= version < (3, 51)
    return (3, 7, 0) <= version <= (3, 51, 2) and not repaired


def check_hub(patient: Patient) -> Findings:
    """Check the database of a hub, and its processes."""
    if not patient.settings.store_url:
        return
    # Imported late: the library of PostgreSQL is an extra, for hubs only.
    try:
        from prjobs.upkeep import hub_checks
    except ImportError:
        yield Finding(WRONG, "database", LIBRARY_MISSING)
    else:
        yield from hub_checks.check_database(patient)


Check = Callable[[Patient], Findings]
CHECKS: list[Check] = [
    check_folder,
    check_settings,
    check_server,
    check_port,
    check_service,
    check_secret,
    check_cut_off,
    check_hub,
    check_store,
    check_log,
    check_disk,
    check_backup,
    check_machine,
    check_provider,
    check_copy,
    check_sqlite,
]
# What is left out for a hub: its store is no file here.
FILE_CHECKS = (check_store, check_log, check_disk, check_backup, check_copy, check_sqlite)


def examine(folder: Folder, clock: Clock, deep: bool = False) -> list[Finding]:
    """Return the findings of all checks. A check that fails is a finding; the other checks go on."""
    if not folder.path.is_dir():
        sentence = f"{folder.path} is not a folder: `prjobs serve` makes it, --data names another."
        return [Finding(WRONG, "folder", sentence)]
    settings, _ = _settings(folder, clock)
    is_served = (folder.path / "lock").exists() and folder.is_served()
    patient = Patient(
        folder=folder,
        settings=settings,
        clock=clock,
        is_served=is_served,
        url=folder.server().get("url") if is_served else None,
        deep=deep,
    )
    checks = [check for check in CHECKS if not (settings.store_url and check in FILE_CHECKS)]
    return [finding for check in checks for finding in _guarded(check, patient)]


def _guarded(check: Check, patient: Patient) -> Findings:
    try:
        yield from check(patient)
    except OSError as error:
        where = error.filename or "the data folder"
        sentence = f"{where} cannot be read ({error.strerror}): give the user that runs prjobs the right to it."
        yield Finding(WRONG, "folder", sentence)
    except Unusable as unusable:
        yield Finding(WRONG, "folder", str(unusable))


def _settings(folder: Folder, clock: Clock) -> tuple[Settings, Finding]:
    try:
        settings, _ = load_settings(folder.path)
    except Unusable as unusable:
        return Settings(), Finding(WRONG, "settings", str(unusable))
    try:
        require_settings(folder, settings, clock)
    except Unusable as unusable:
        return settings, Finding(WRONG, "settings", f"`prjobs serve` refuses the settings: {unusable}")
    present = (folder.path / FILE_NAME).exists()
    said = f"{FILE_NAME} is valid." if present else f"There is no {FILE_NAME}: defaults are in force."
    return settings, Finding(OK, "settings", said)

"""What is wrong with a data folder, and what to do about it. Looks only: it never changes anything."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3

from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.base.settings_sources import FILE_NAME, load_settings
from prjobs.base.sockets import bind_sockets
from prjobs.upkeep.ballast import ballast_of
from prjobs.upkeep.findings import NOTE, OK, WRONG, Finding, Findings, Patient
from prjobs.upkeep.looking import damages, has_log, look_at
from prjobs.upkeep.store_checks import check_store

MB = 1_000_000
HEALTH_S = 5.0
LOG_LIMIT_MB = 64
BACKUP_LATE_H = 30


def check_folder(patient: Patient) -> Findings:
    """The data folder is there and ours to write."""
    path = patient.folder.path
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(WRONG, "folder", f"{path} may not be written: give the user that runs prjobs the right to it.")
        return
    yield Finding(OK, "folder", f"{path} can be written.")


def check_server(patient: Patient) -> Findings:
    """Whether it is served, and what the server says of itself."""
    if not patient.is_served:
        yield Finding(NOTE, "server", "No server runs here: `prjobs serve` starts it.")
        if patient.settings.cloud_mode != "off":
            sites = ", ".join(patient.settings.cloud_sites)
            said = (
                f"The link to the cloud is {patient.settings.cloud_mode} for {sites}; only a running server keeps it."
            )
            yield Finding(NOTE, "cloud", said)
    elif patient.url is None:
        yield Finding(
            WRONG, "server", "A process holds the folder, but no server says under which address: see whether it hangs."
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
    for level, said in ((WRONG, problems), (NOTE, notices)):
        yield from (Finding(level, "server", f"The server says: {one['sentence']}") for one in said)
    if not problems:
        yield Finding(OK, "server", f"It is served at {url}, and the server is well.")
    if cloud := health.get("cloud"):
        yield Finding(OK if cloud["state"] == "in step" else NOTE, "cloud", cloud["sentence"])


def check_port(patient: Patient) -> Findings:
    """Without a server: whether one could listen."""
    host, port = patient.settings.host, patient.settings.port
    if patient.url is not None:
        yield Finding(OK, "port", f"Port {urlsplit(patient.url).port} is ours.")
        return
    try:
        for probe in bind_sockets(host, port):
            probe.close()
    except OSError as error:
        sentence = (
            f"{host} port {port} cannot be listened on ({error.strerror}): stop what uses it, or set another port."
        )
        yield Finding(WRONG, "port", sentence)
        return
    yield Finding(OK, "port", f"{host} port {port} is free.")


def check_disk(patient: Patient) -> Findings:
    """Room for new jobs."""
    free_mb = shutil.disk_usage(patient.folder.path).free // MB
    limit_mb = patient.settings.min_free_mb
    if free_mb < limit_mb:
        sentence = f"{free_mb} MB of disk are free; new jobs need {limit_mb} MB (min_free_mb): make room."
        # A server may have got another limit by a flag, and says itself when it refuses jobs.
        yield Finding(NOTE if patient.is_served else WRONG, "disk", sentence)
    else:
        yield Finding(OK, "disk", f"{free_mb} MB of disk are free.")
    if patient.is_served and not ballast_of(patient.folder.path).exists():
        yield Finding(NOTE, "disk", "The reserve for a full disk is not there; it is made when there is room for it.")


def check_log(patient: Patient) -> Findings:
    """The write-ahead log beside the store."""
    path = patient.folder.path / f"{patient.folder.database.name}-wal"
    size_mb = path.stat().st_size // MB if path.exists() else 0
    if size_mb > LOG_LIMIT_MB:
        sentence = f"{path} has grown to {size_mb} MB: close other programs that have the store open."
        yield Finding(WRONG, "log", sentence)
    elif not patient.is_served and has_log(patient.folder.database):
        yield Finding(NOTE, "log", "The last stop was not clean; the next start takes in what was written last.")
    else:
        yield Finding(OK, "log", f"The write-ahead log has {size_mb} MB.")


def check_secret(patient: Patient) -> Findings:
    """What signs the tokens is there and nobody else's to read."""
    path = patient.folder.path / "secret"
    if not path.exists():
        level = WRONG if patient.has_store else NOTE
        sentence = "There is no secret: the next start makes one, and tokens made before are worth nothing then."
        yield Finding(level, "secret", sentence)
        return
    try:
        patient.folder.known_secret()
    except Unusable as unusable:
        yield Finding(WRONG, "secret", str(unusable))
        return
    if os.name == "nt":
        yield Finding(NOTE, "secret", f"Who may read {path} cannot be checked on Windows: only you should.")
    elif path.stat().st_mode & 0o077:
        yield Finding(WRONG, "secret", f'Others may read the secret that signs tokens: `chmod 600 "{path}"`.')
    else:
        yield Finding(OK, "secret", "The secret is readable by its owner only.")


def check_backup(patient: Patient, deep: bool) -> Findings:
    """How old the newest backup is; with `deep`, whether it is whole."""
    newest = patient.folder.newest_backup()
    if not patient.settings.backup_keep:
        yield Finding(NOTE, "backup", "No nightly backups are made (backup_keep is 0).")
    if newest is None:
        sentence = "There is no backup yet: `prjobs backup` makes one; a running server makes one every night."
        yield Finding(NOTE, "backup", sentence)
        return
    age_h = max(0, patient.clock.now_ms() - int(newest.stat().st_mtime * 1000)) / 3_600_000
    said = f"The newest backup, {newest.name}, is {age_h:.0f} h old"
    if newest.stat().st_size == 0 or (deep and _is_damaged(newest)):
        yield Finding(WRONG, "backup", f"The newest backup, {newest}, is damaged: `prjobs backup` makes another.")
    elif age_h > BACKUP_LATE_H and patient.settings.backup_keep:
        level = WRONG if patient.is_served else NOTE
        yield Finding(
            level, "backup", f"{said}: `prjobs backup` makes another; the server's log says why it made none."
        )
    else:
        yield Finding(OK, "backup", f"{said}.")


def _is_damaged(path: Path) -> bool:
    try:
        connection = look_at(path, still=not has_log(path))
    except sqlite3.Error:
        return True
    try:
        return bool(damages(connection))
    finally:
        connection.close()


def check_sqlite(_patient: Patient) -> Findings:
    """SQLite 3.7.0 to 3.51.2 can damage a WAL file that two connections write at once; two fixes were carried back."""
    if has_reset_defect(sqlite3.sqlite_version_info):
        sentence = (
            f"SQLite {sqlite3.sqlite_version} can damage a file that two connections write at the same time. "
            "prjobs writes by one only: let no other program write the store."
        )
        yield Finding(NOTE, "sqlite", sentence)
    else:
        yield Finding(OK, "sqlite", f"SQLite {sqlite3.sqlite_version}.")


def has_reset_defect(version: tuple[int, ...]) -> bool:
    """Whether this SQLite has the defect in resetting the write-ahead log."""
    repaired = (3, 44, 6) <= version < (3, 45) or (3, 50, 7) <= version < (3, 51)
    return (3, 7, 0) <= version <= (3, 51, 2) and not repaired


def examine(folder: Folder, clock: Clock, deep: bool = False) -> list[Finding]:
    """All checks. A check that itself fails is a finding, never the end of the others."""
    if not folder.path.is_dir():
        sentence = f"{folder.path} is not a folder: `prjobs serve` makes it, --data names another."
        return [Finding(WRONG, "folder", sentence)]
    settings, settings_finding = _settings(folder)
    is_served = (folder.path / "lock").exists() and folder.is_served()
    patient = Patient(folder, settings, clock, is_served, folder.server().get("url") if is_served else None)
    checks: list[Callable[[], Findings]] = [
        lambda: check_folder(patient),
        lambda: iter([settings_finding]),
        lambda: check_server(patient),
        lambda: check_port(patient),
        lambda: check_secret(patient),
        lambda: check_store(patient, deep),
        lambda: check_log(patient),
        lambda: check_disk(patient),
        lambda: check_backup(patient, deep),
        lambda: check_sqlite(patient),
    ]
    return [finding for check in checks for finding in _guarded(check)]


def _guarded(check: Callable[[], Findings]) -> Findings:
    try:
        yield from check()
    except OSError as error:
        where = error.filename or "the data folder"
        sentence = f"{where} cannot be read ({error.strerror}): give the user that runs prjobs the right to it."
        yield Finding(WRONG, "folder", sentence)


def _settings(folder: Folder) -> tuple[Settings, Finding]:
    try:
        settings, _ = load_settings(folder.path)
    except Unusable as unusable:
        return Settings(), Finding(WRONG, "settings", str(unusable))
    present = (folder.path / FILE_NAME).exists()
    said = f"{FILE_NAME} is read without complaint." if present else f"There is no {FILE_NAME}: defaults are in force."
    return settings, Finding(OK, "settings", said)

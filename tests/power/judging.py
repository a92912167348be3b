"""A start on a disk that a power cut left, looked at over HTTP and held against the promises."""

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import requests

from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.server import Server
from prjobs.upkeep import restore
from prjobs.upkeep.inspection import damages, open_read_only
from tests.power.disks import State, rebuild
from tests.power.expected import Expected, Jobs, Seen, Store, expect
from tests.power.recording import Recording
from tests.power.story import BACKUP, DATA, FLAGS, SITES, digest_of
from tests.program import JOB, Program

SETTINGS = Settings(port=0, min_free_mb=0, backup_keep=0, expire_exposure_s=0)
# A busy machine answers 503 when a write does not begin in time.
PATIENCE = 100
# No power cut is a reason to accuse anybody of changing the audit, or to call the store damaged.
FALSE_ALARMS = ("audit", "store", "damaged_job", "backup")


def judge(recording: Recording, state: State, disk: Path, as_process: bool = False) -> list[str]:
    """Rebuild the disk, start on it, and return what is wrong, in sentences."""
    rebuild(recording, state, disk)
    expected = expect(recording.marks(state.cut))
    return [*_of_backups(disk / DATA, expected), *_of_start(disk / DATA, expected, as_process)]


def _of_start(data: Path, expected: Expected, as_process: bool) -> list[str]:
    start = served_by_process if as_process else served_here
    refusal = ""
    try:
        with start(data) as url:
            seen = look(url, expected.stores)
    except Unusable as unusable:
        # Outside of this block: the exception's frames hold the lock of the folder.
        refusal = str(unusable)
    if refusal:
        return _of_refusal(data, expected, refusal)
    found = [store.differences(seen) for store in expected.stores]
    is_restored = expected.restoring is None or len(found[-1]) < len(found[0])
    return [*min(found, key=len), *_of_file(data), *(_of_replaced(data, expected) if is_restored else [])]


def _of_refusal(data: Path, expected: Expected, sentence: str) -> list[str]:
    """Return what is wrong with a start refused in words: the words must help, and nothing be lost."""
    if not expected.may_refuse:
        return [f"the start is refused: {sentence}"]
    if expected.restoring is None:
        return []
    if "restore" not in sentence:
        return [f"the start is refused without the way out: {sentence}"]
    try:
        restore.restore(Folder(data), data / expected.restoring, Clock())
        with served_here(data) as url:
            seen = look(url, expected.stores)
    except Unusable as again:
        return [f"the start is refused ({sentence}), and again after a restore ({again})"]
    found = [*expected.stores[-1].differences(seen), *_of_replaced(data, expected)]
    return [f"after a second restore: {one}" for one in found]


def _of_replaced(data: Path, expected: Expected) -> list[str]:
    """Return what is lost of the store that a restore has replaced; the user may want it back."""
    if expected.replaced is None:
        return []
    aside = [path for path in (data / "backups").rglob("*.sqlite3") if path != data / BACKUP]
    found = [[*expected.replaced.differing_jobs(_jobs_in(path))] for path in aside]
    return [f"in the replaced store {one}" for one in min(found, key=len, default=["is gone"])]


def _jobs_in(path: Path) -> Jobs:
    try:
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT ulid, status, required_params FROM job").fetchall()
    except sqlite3.Error:
        return {}
    return {ulid: (status, digest_of(json.loads(params))) for ulid, status, params in rows}


def _of_file(data: Path) -> list[str]:
    with closing(open_read_only(data / "prjobs.sqlite3", still=True)) as connection:
        return [f"the file is damaged: {damage}" for damage in damages(connection)]


def _of_backups(data: Path, expected: Expected) -> list[str]:
    """Return the answered backups that are missing or damaged."""
    found = []
    for name in expected.backups:
        try:
            with closing(open_read_only(data / name, still=True)) as connection:
                found += [f"the backup {name} is damaged: {damage}" for damage in damages(connection)]
        except sqlite3.Error as error:
            found.append(f"the backup {name} is lost: {error}")
    return found


# ---- starting


@contextmanager
def served_here(data: Path) -> Iterator[str]:
    """Serve the folder in this process; its URL. Raises Unusable."""
    server = Server(Folder(data), SETTINGS)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.url
    finally:
        server.stop()
        thread.join(60)
    if thread.is_alive():
        raise AssertionError("the server does not stop")


@contextmanager
def served_by_process(data: Path) -> Iterator[str]:
    """Serve the folder by `prjobs serve`; its URL. Raises Unusable with the sentence of a refusal."""
    program = Program(data)
    command = [sys.executable, "-m", "prjobs", "serve", "--port", "0", "--data", str(data), *FLAGS]
    program.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert program.process.stdout is not None
    try:
        line = program.process.stdout.readline()
        if not line:
            _, errors = program.process.communicate(timeout=60)
            if program.process.returncode != 1 or "Traceback" in errors:
                raise AssertionError(f"the start ended with {program.process.returncode}: {errors}")
            raise Unusable(errors.strip())
        yield line.split()[-1].rstrip("/")
        assert program.stop()[0] == 0
    finally:
        program.kill()


# ---- looking


def look(url: str, stores: list[Store]) -> Seen:
    """Ask for everything that the answers promised."""
    seen = Seen()
    with requests.Session() as session:

        def post(name: str, body: object, token: str | None = None) -> requests.Response:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            for _ in range(PATIENCE):
                answer = session.post(f"{url}/{name}", data=json.dumps(body), headers=headers, timeout=60)
                if answer.status_code != 503:
                    break
            return answer

        for notice in session.get(f"{url}/healthz", timeout=60).json()["notices"]:
            if notice["code"] in FALSE_ALARMS:
                seen.wrong.append(f"a notice after the cut: {notice['sentence']}")
        for site in SITES:
            for job in post("getrecentjobs", {"site": site, "timeRange": 10**12}).json():
                seen.jobs[job["ulid"]] = (job["statusId"].split("#")[0], digest_of(job["required_params"]))
        for site in SITES:
            while jobs := post("getnewjobs", {"site": site}).json():
                seen.polled += [job["ulid"] for job in jobs]
        reserved = session.get(f"{url}/api/reservations", timeout=60).json()["reservations"]
        seen.reservations = {str(one["id"]) for one in reserved}
        for token in {token for store in stores for token in store.tokens}:
            answer = post("newjob", {**JOB, "site": SITES[0]}, token)
            seen.good[token] = answer.status_code == 200
            if answer.status_code == 200:
                seen.given.append(answer.json()["ulid"])
            elif answer.status_code != 401:
                seen.wrong.append(f"a new job is answered {answer.status_code}: {answer.text}")
    return seen

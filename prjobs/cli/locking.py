"""`prjobs lock` and `prjobs unlock`."""

from typing import TYPE_CHECKING, Any

from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.marks import marked
from prjobs.base.settings_sources import load_settings
from prjobs.cli.running import running_client
from prjobs.cli.terminal import Namespace, Parser, add_data, folder_of, future_ms, print_json, stderr, utc

if TYPE_CHECKING:
    from prjobs.client import Client

# The jobs at the telescope that are named, and the most in an answer.
NAMED, MOST = 10, 50


def add_lock(lock: Parser) -> None:
    """Declare `lock`."""
    add_data(lock)
    lock.add_argument("site", metavar="SITE")
    when = "2022-06-20T20:00 (UTC, or with an offset), or +2h from now; without it the lock lasts until unlocked"
    lock.add_argument("--until", type=future_ms, metavar="TIME", help=when)
    lock.add_argument("--name", default="", help="who is in the dome (default: you)")
    lock.add_argument("--stop", action="store_true", help="send a stop for all devices with the lock")
    lock.add_argument("--change", type=int, metavar="ID", help="give this lock a new end and reason instead")
    lock.add_argument("--json", action="store_true", help="print the server's answer instead of the lock's id")
    lock.add_argument("reason", metavar="REASON", help='such as "mirror cleaning"')
    lock.set_defaults(run=run_lock)


def add_unlock(unlock: Parser) -> None:
    """Declare `unlock`."""
    add_data(unlock)
    unlock.add_argument("site", metavar="SITE")
    unlock.add_argument("--lock", type=int, metavar="ID", help="the lock to end, where the site has more than one")
    unlock.set_defaults(run=run_unlock)


def run_lock(asked: Namespace) -> None:
    """Print the id, alone, on stdout; the lock, the jobs at the telescope and the notes go to stderr."""
    if not asked.reason.strip():
        raise Unusable("REASON must say why the site is locked; an empty text came.")
    folder = folder_of(asked)
    if asked.change is not None:
        _change(folder, asked)
        return
    body = {"site": asked.site, "reason": asked.reason, "until_ms": asked.until, "name": asked.name, "stop": asked.stop}
    if client := running_client(folder):
        made = client.api("POST", "/api/lock", body)
    elif asked.stop:
        raise Unusable("No server runs here, so that a stop reaches nobody: lock without --stop.")
    else:
        _require_appliance(folder)
        from prjobs.cli import stored

        made = stored.lock(folder, body)
        made["notes"].insert(0, _not_served(folder, "the lock holds"))
    print_json(made) if asked.json else print(made["lock"]["id"])
    # A site is not locked out by a lock in a folder without a server: that note comes before the sentence.
    for note in made["notes"]:
        stderr(f"note: {marked(note)}")
    _print_sentence(folder, made["sentence"])
    _print_jobs(made, is_served=client is not None)


def _print_sentence(folder: Folder, sentence: str) -> None:
    """Print the sentence with the data folder: the server of another folder knows nothing of the act."""
    stderr(f"{marked(sentence)} Data folder: {folder.path.absolute()}")


def _require_appliance(folder: Folder) -> None:
    """Raise Unusable for a folder without an appliance: no observatory polls there."""
    settings, _ = load_settings(folder.path)
    if not settings.store_url and not folder.database.exists():
        raise Unusable(
            f"{folder.path.absolute()} holds no appliance: nothing was locked or unlocked. "
            "Name the data folder of the observatory's server by --data or PRJOBS_DATA."
        )


def _not_served(folder: Folder, what: str) -> str:
    return (
        f"No server runs on {folder.path.absolute()}: {what} from its next start. "
        "Make sure that this is the data folder of the observatory's server."
    )


def _print_jobs(made: dict[str, Any], is_served: bool) -> None:
    """Print the jobs handed out before the lock."""
    jobs = made["under_way"]
    if not jobs:
        return
    more = " or more" if len(jobs) >= MOST else ""
    count = "1 job is" if len(jobs) == 1 else f"{len(jobs)}{more} jobs are"
    stderr(f"{count} at the telescope already, and may still move something:")
    for job in jobs[:NAMED]:
        stderr(marked(f"  {job['site']} {job['ulid']} {job['label']} ({job['status']})"))
    if not is_served:
        stderr("Start the server, and send a stop before you go in: prjobs cancel --all SITE.")
    elif not made["stops"]:
        stderr("Send a stop before you go in: prjobs cancel --all SITE, or lock with --stop.")


def _change(folder: Folder, asked: Namespace) -> None:
    body = {"until_ms": asked.until, "reason": asked.reason}
    if client := running_client(folder):
        changed = client.api(
            "POST", f"/api/lock/{_only(folder, _locks(client, folder, asked.site), asked.change)}", body
        )
    else:
        from prjobs.cli import stored

        changed = stored.change_lock(folder, _only(folder, _locks(None, folder, asked.site), asked.change), body)
    print_json(changed) if asked.json else print(changed["id"])
    if client is None:
        stderr(f"note: {_not_served(folder, 'the change holds')}")
    _print_sentence(folder, f"lock {_words(changed)}.")


def run_unlock(asked: Namespace) -> None:
    """End a lock. Of several locks none is ended unless named: each person ends an own lock."""
    folder = folder_of(asked)
    client = running_client(folder)
    locks = _locks(client, folder, asked.site)
    number = _only(folder, locks, asked.lock)
    if client:
        ended = client.api("DELETE", f"/api/lock/{number}")
    else:
        from prjobs.cli import stored

        ended = stored.unlock(folder, number)
    lock = next(one for one in locks if one["id"] == number)
    stderr(marked(f"ended: lock {_words(lock)}"))
    if client is None:
        stderr(f"note: {_not_served(folder, 'the end of the lock holds')}")
    _print_sentence(folder, ended["sentence"])


def _locks(client: "Client | None", folder: Folder, site: str) -> list[dict[str, Any]]:
    if client:
        found: list[dict[str, Any]] = client.api("GET", "/api/lock", query={"site": site})["locks"]
        return found
    _require_appliance(folder)
    from prjobs.cli import stored

    return stored.list_locks(folder, site)


def _only(folder: Folder, locks: list[dict[str, Any]], number: int | None) -> int:
    """Return the number of the lock that is meant. Raises Unusable for none, and for one of several."""
    numbers = [lock["id"] for lock in locks]
    if number in numbers:
        return int(number or 0)
    if not locks:
        raise Unusable(f"The site has no lock in {folder.path.absolute()}.")
    if number is None and len(numbers) == 1:
        return int(numbers[0])
    listed = "; ".join(_words(lock) for lock in locks)
    raise Unusable(marked(f"The site has these locks, name the one that is meant by its number: {listed}."))


def _words(lock: dict[str, Any]) -> str:
    end = "unlocked" if lock["until_ms"] is None else f"{utc(lock['until_ms'])} UTC"
    return f"{lock['id']} of {lock['user_name']} until {end}: {lock['reason']}"

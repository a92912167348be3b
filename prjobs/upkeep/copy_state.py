"""The newest copy of a backup in the folder of `backup_copy`, as the store has it: the folder itself may hang."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from prjobs.upkeep.findings import NOTE, OK, WRONG, Finding, Findings, Patient
from prjobs.upkeep.inspection import has_log, open_read_only

FACT = "backup_copy"
DAY_MS = 86_400_000
OLD_MS = 2 * DAY_MS


class CopyState(msgspec.Struct, frozen=True):
    """The folder, the time since which it is set, and the time of the newest backup in it; 0 before the first copy."""

    folder: str
    since_ms: int
    made_ms: int

    @classmethod
    def read(cls, fetch: Callable[..., list[tuple[Any, ...]]], folder: Path) -> "CopyState | None":
        """Return the state of the folder in the store; None for a folder that is new there."""
        found = fetch("SELECT value FROM fact WHERE name = ?", (FACT,))
        try:
            state = cls(**json.loads(found[0][0])) if found else None
        except (TypeError, ValueError):
            return None
        return state if state and state.folder == str(folder) else None

    def age_ms(self, now_ms: int) -> int:
        """Return the age of the newest copy, or the time without any."""
        return now_ms - (self.made_ms or self.since_ms)


def age_sentence(state: CopyState, age_ms: int) -> str:
    """Return the age of the newest copy in words, with the remedy."""
    days = age_ms // DAY_MS
    said = f"The newest copy of a backup in {state.folder} is {days} days old"
    if not state.made_ms:
        said = f"No backup was copied to {state.folder} for {days} days"
    return f"{said}: check the folder of backup_copy. The notice of the copy and the log have the reason."


def check_copy(patient: Patient) -> Findings:
    """Check the age of the newest copy, as the server noted it."""
    named, path = patient.settings.backup_copy, patient.folder.database
    if not named or not patient.has_store:
        return
    try:
        with closing(open_read_only(path, still=not patient.is_served and not has_log(path))) as connection:
            state = CopyState.read(lambda sql, values: connection.execute(sql, values).fetchall(), Path(named))
    except sqlite3.Error:
        # The check of the store says so.
        return
    now_ms = patient.clock.now_ms()
    if state is None or (not state.made_ms and state.age_ms(now_ms) <= OLD_MS):
        yield Finding(NOTE, "copy", f"No backup was copied to {named} yet; a running server copies after each backup.")
    elif (age_ms := state.age_ms(now_ms)) > OLD_MS:
        yield Finding(WRONG if patient.is_served else NOTE, "copy", age_sentence(state, age_ms))
    else:
        yield Finding(OK, "copy", f"The newest copy in {named} is {max(0, age_ms) // 3_600_000} h old.")

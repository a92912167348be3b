"""The doctor's check for a move or a restore that was killed: which store is in use, and the command that goes on."""

from prjobs.base.moves import MOVED_TO, MOVING
from prjobs.upkeep.findings import NOTE, WRONG, Finding, Findings, Patient
from prjobs.upkeep.replacing import RESTORING


def check_cut_off(patient: Patient) -> Findings:
    """Check for the files that a killed `prjobs move` or `prjobs restore` left in the data folder."""
    folder = patient.folder
    if patient.is_served and patient.url is None:
        # The command may be under way: it holds the folder.
        return
    where = folder.identity().get(MOVED_TO)
    left = [path for path in (folder.path / MOVING, folder.database) if path.exists()]
    if where and left:
        effect = f"{left[0]} was left" if patient.settings.store_url else f"no server starts on {left[0]}"
        sentence = (
            f"A move of the store between {folder.path} and the database {where} was cut off before its last step, and "
            f"{effect}. Run the same `prjobs move` command again, which finishes the move."
        )
        yield Finding(NOTE if patient.settings.store_url else WRONG, "move", sentence)
    if (folder.path / RESTORING).exists():
        sentence = (
            f"A restore was cut off, and {folder.path / RESTORING} was left. The store from before is in use, unless "
            "the restore was about to end. Run the same `prjobs restore` command again."
        )
        yield Finding(NOTE, "restore", sentence)

"""The checks before an install, run as the user of the service: may the user read prjobs and write the data folder?

`python -P -m prjobs.service.preflight FOLDER` exits 1 with the reason on stderr.
"""

import os
import sys
from pathlib import Path

from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.private import require_private
from prjobs.base.settings_sources import FILE_NAME, load_settings


def check_folder(folder: Folder) -> None:
    """Raise Unusable unless the user may write the folder and all files, and the settings are valid.

    A missing folder is made.
    """
    folder.create()
    require_private(folder.path)
    for path in (*folder.path.iterdir(), folder.log):
        needed = os.R_OK if path.name == FILE_NAME else os.R_OK | os.W_OK
        if path.exists() and not os.access(path, needed | (os.X_OK if path.is_dir() else 0)):
            raise Unusable(
                f"{path}: the user of the service may not write it: change its owner, or choose another user."
            )
    # The variables of this terminal are not those of the service.
    load_settings(folder.path, environment={})


def main(words: list[str]) -> int:
    """Check the folder in the first word; return the exit code."""
    try:
        check_folder(Folder(Path(words[0])))
    except Unusable as unusable:
        print(unusable, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The command line: `prjobs COMMAND …`. Exit 0 done, 1 refused or failed (one line on stderr), 2 wrong usage.

The version is printed before anything else is imported: installers and scripts ask for it.
"""

import sys

from prjobs.version import VERSION


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0] == "--version":
        print(f"prjobs {VERSION}")
        return 0
    from prjobs.cli.commands import run

    return run(words)

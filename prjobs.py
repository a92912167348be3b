"""Launcher for a checkout: `python3 prjobs.py serve`. The installed command is `prjobs`."""

import sys


def run() -> int:
    """Run the command line, or say in one line what is missing. Returns the exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036  (a checkout may be started by any Python)
        print(f"prjobs needs Python 3.11 or newer; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 1
    try:
        from prjobs.cli import main

        # A command's own modules are imported once the command is known.
        return main()
    except ModuleNotFoundError as missing:
        print(
            f"prjobs needs the package {missing.name!r}: run `python3 -m pip install .` in this folder, "
            "or `pipx install .`, and start `prjobs` instead.",
            file=sys.stderr,
        )
        return 1


if __name__ == "__main__":
    sys.exit(run())

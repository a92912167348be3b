"""The command line: `prjobs COMMAND …`. Exit 0 done, 1 refused or failed (one line on stderr), 2 wrong usage."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from prjobs.base.errors import Refused, Unusable
from prjobs.cli import audit, cloud, night, queue, reserve, service, serving, tokens, upkeep
from prjobs.cli.shared import close_output
from prjobs.client import CallFailed
from prjobs.version import VERSION


def build_parser() -> argparse.ArgumentParser:
    """All commands; the README's reference and its test read them from here."""
    parser = argparse.ArgumentParser(
        prog="prjobs", description="The Photon Ranch jobs service for one observatory, on its own machine."
    )
    parser.add_argument("--version", action="version", version=f"prjobs {VERSION}")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--data", type=Path, metavar="DIR", help="the data folder (default: $PRJOBS_DATA or the user's data folder)"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for part in (serving, tokens, reserve, queue, night, upkeep, service, audit, cloud):
        part.add_commands(commands, shared)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    asked = build_parser().parse_args(arguments)
    try:
        code = int(asked.run(asked) or 0)
        sys.stdout.flush()
        return code
    except (Unusable, Refused, CallFailed) as error:
        print(f"prjobs: {getattr(error, 'sentence', error)}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of our output is gone (`prjobs jobs | head`): nothing is wrong with us.
        close_output()
        return 0
    except OSError as error:
        close_output()
        print(f"prjobs: {error.filename or 'its output cannot be written'}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130

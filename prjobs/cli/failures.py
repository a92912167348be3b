"""The end of a command that failed: one line on stderr and an exit code."""

import sys

from prjobs.base.errors import Refused, Unusable
from prjobs.cli.terminal import close_output, stderr
from prjobs.client import CallFailed


def exit_code(error: Exception) -> int:
    """Print the failure in one line and return the exit code. A defect is raised again, for its traceback."""
    match error:
        case Unusable() | Refused() | CallFailed():
            stderr(f"prjobs: {getattr(error, 'sentence', error)}")
        case BrokenPipeError():
            # The reader of the output is gone (`prjobs jobs | head`): the command did its work.
            close_output()
            return 0
        case OSError():
            close_output()
            print(f"prjobs: {error.filename or 'its output cannot be written'}: {error.strerror}", file=sys.stderr)
        case _:
            raise error
    return 1

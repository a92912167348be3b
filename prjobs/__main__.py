"""`python -m prjobs`: the command line."""

import sys

from prjobs.cli import main

if __name__ == "__main__":
    sys.exit(main())

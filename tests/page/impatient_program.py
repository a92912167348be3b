"""The program with the link's waits shortened, which says after two seconds that the cloud is down."""

import runpy

from prjobs.cloud import status

if __name__ == "__main__":
    status.DOWN_AFTER_MS = 2000
    runpy.run_module("tests.cloud.quick_program", run_name="__main__")

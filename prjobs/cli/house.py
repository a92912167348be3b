"""`prjobs doctor`, `prjobs backup`, `prjobs restore`."""

import argparse

from prjobs.cli.shared import Commands


def add_commands(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Declare the commands."""

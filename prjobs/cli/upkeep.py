"""`prjobs doctor`, `prjobs backup`, `prjobs restore`."""

import argparse
import os
from pathlib import Path

import msgspec

from prjobs.base.clock import Clock
from prjobs.base.failpoints import planned
from prjobs.cli.shared import Commands, folder_of, plain, print_json, utc
from prjobs.upkeep import backup, doctor, restore
from prjobs.upkeep.findings import WRONG


def add_commands(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    doctoring = commands.add_parser("doctor", parents=[shared], help="say what is wrong and what to do")
    doctoring.add_argument("--deep", action="store_true", help="check the whole file and every job in it")
    doctoring.add_argument("--json", action="store_true")
    doctoring.set_defaults(run=run_doctor)
    making = commands.add_parser("backup", parents=[shared], help="make a backup, whether a server runs or not")
    making.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: a new one in the backups folder")
    making.set_defaults(run=run_backup)
    restoring = commands.add_parser(
        "restore", parents=[shared], help="bring a backup back; jobs that wait in it are cancelled"
    )
    restoring.add_argument("file", type=Path, metavar="FILE")
    restoring.set_defaults(run=run_restore)


def run_doctor(asked: argparse.Namespace) -> int:
    """Print the findings; 1 when one of them is WRONG."""
    findings = doctor.examine(folder_of(asked), Clock(), asked.deep)
    is_well = all(finding.level != WRONG for finding in findings)
    if asked.json:
        print_json({"ok": is_well, "findings": msgspec.to_builtins(findings)})
    else:
        for finding in findings:
            print(plain(f"{finding.level:5}  {finding.sentence}"))
        if not is_well:
            print('The page "When something is wrong" of the manual has more: /manual/trouble of a running server.')
    return 0 if is_well else 1


def run_backup(asked: argparse.Namespace) -> None:
    """Make a backup; prints its path."""
    folder = folder_of(asked)
    target = asked.file or backup.default_target(folder, Clock().now_ms())
    failpoints = planned(os.environ, "127.0.0.1")
    print(backup.make_backup(folder, target, failpoints=failpoints).path)


def run_restore(asked: argparse.Namespace) -> None:
    """Restore a backup; says what was done."""
    folder = folder_of(asked)
    done = restore.restore(folder, asked.file, Clock())
    until = f", the newest change of {utc(done.newest_ms)} UTC" if done.newest_ms else ""
    print(f"{folder.database} is now a copy of {asked.file}: {_jobs(done.jobs)}{until}.")
    if done.replaced:
        print(f"What it replaces is kept in {done.replaced}; jobs that came after the backup are there only.")
        print("Tokens are those of the backup: what was revoked since is valid again. See `prjobs token list`.")
    if done.cancelled:
        print(
            f"{_jobs(done.cancelled)} that waited in it became CANCELLED, since it may have been delivered already: "
            "`prjobs jobs --status CANCELLED --since 7d` lists what waited. Send again what is still wanted."
        )
    if done.needs_secret:
        print("This folder has no secret yet: tokens made elsewhere are worth nothing here. Make new ones.")


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"

"""`prjobs cloud status|once|shadow-report`."""

import argparse

import msgspec

from prjobs.cli.shared import (
    Commands,
    folder_of,
    own_appliance,
    plain,
    print_json,
    reading_database,
    running_client,
    utc,
)
from prjobs.cloud import shadow, status
from prjobs.cloud.link import open_link
from prjobs.cloud.status import CloudStatus
from prjobs.errors import Unusable

OFF = "The cloud link is off: set cloud_mode, cloud_base_url and cloud_sites."


def add_commands(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    cloud = commands.add_parser("cloud", help="the link to the cloud").add_subparsers(
        dest="cloud_command", metavar="COMMAND", required=True
    )
    stating = cloud.add_parser("status", parents=[shared], help="in step, behind or down, and what is parked")
    stating.add_argument("--json", action="store_true")
    stating.set_defaults(run=run_status)
    once = cloud.add_parser("once", parents=[shared], help="without a server: read and push once, then say how it is")
    once.add_argument("--json", action="store_true")
    once.set_defaults(run=run_once)
    reporting = cloud.add_parser(
        "shadow-report",
        parents=[shared],
        help="what the present way lost, doubled and took in time, as the link saw it",
    )
    reporting.add_argument("--json", action="store_true")
    reporting.set_defaults(run=run_shadow_report)


def run_status(asked: argparse.Namespace) -> None:
    """Print how the link is, whether a server runs or not."""
    client = running_client(folder_of(asked))
    if client is not None:
        found = client.api("GET", "/api/cloud")["cloud"]
        _print(asked, None if found is None else msgspec.convert(found, CloudStatus))
        return
    with own_appliance(folder_of(asked)) as appliance:
        _print(asked, status.describe_store(appliance))


def run_once(asked: argparse.Namespace) -> None:
    """Do what is due until nothing is; for a try of the settings, or a cron job."""
    with own_appliance(folder_of(asked)) as appliance:
        link = open_link(appliance)
        if link is None:
            raise Unusable(OFF)
        link.finish()
        _print(asked, status.describe_store(appliance))
        if appliance.contact.reason:
            raise Unusable(appliance.contact.reason)


def _print(asked: argparse.Namespace, found: CloudStatus | None) -> None:
    if asked.json:
        print_json(msgspec.to_builtins(found))
        return
    if found is None:
        print(OFF)
        return
    print(plain(f"{found.mode}: {found.sentence}"))
    for site in found.sites:
        read = f"read until {utc(site.read_until_ms)} UTC" if site.read_until_ms else "not read yet"
        print(plain(f"{site.site}: {read}{', a cancel_all is being looked into' if site.judging else ''}"))
    if found.oldest_unsent_ms:
        print(f"the oldest unsent status is of a job of {utc(found.oldest_unsent_ms)} UTC")
    if found.offset_ms is not None:
        print(f"the cloud's clock is {found.offset_ms / 1000:+.0f} s from ours")
    for row in found.parked:
        print(plain(f"parked: {row.site} {row.ulid} {row.status} since {utc(row.since_ms)} UTC: {row.reason}"))


def run_shadow_report(asked: argparse.Namespace) -> None:
    """Print what was seen of the present way."""
    report = shadow.report(reading_database(folder_of(asked)))
    if asked.json:
        print_json(msgspec.to_builtins(report))
    else:
        print("\n".join(plain(line) for line in shadow.lines(report)))

"""`prjobs cloud status|once|shadow-report`."""

from typing import Any

from prjobs.base.errors import Unusable
from prjobs.base.marks import marked
from prjobs.cli.running import running_client
from prjobs.cli.terminal import Namespace, Parser, add_actions, add_data, folder_of, print_json, stderr, utc

OFF = "The cloud link is off: set cloud_mode, cloud_base_url and cloud_sites."


def add_cloud(parser: Parser) -> None:
    """Declare `cloud status`, `cloud once` and `cloud shadow-report`."""
    cloud = add_actions(parser)
    stating = add_data(cloud.add_parser("status", help="the state of the link and the parked statuses"))
    stating.add_argument("--json", action="store_true", help="one JSON object")
    stating.set_defaults(run=run_status)
    once = add_data(cloud.add_parser("once", help="without a server: read and push once, then print the state"))
    once.add_argument("--json", action="store_true", help="one JSON object")
    once.set_defaults(run=run_once)
    reporting = add_data(
        cloud.add_parser(
            "shadow-report", help="the losses, doubles and delays of the present way, as the link saw them"
        )
    )
    reporting.add_argument("--json", action="store_true", help="one JSON object")
    reporting.set_defaults(run=run_shadow_report)


def run_status(asked: Namespace) -> None:
    """Print the state of the link, with or without a running server."""
    folder = folder_of(asked)
    if client := running_client(folder):
        found = client.api("GET", "/api/cloud")
    else:
        from prjobs.cli import stored

        found = stored.describe_cloud(folder)
    _print(asked, found["cloud"])


def run_once(asked: Namespace) -> None:
    """Read and push until all is done; for a test of the settings, or a cron job."""
    from prjobs.cli import stored

    with stored.own_link(folder_of(asked)) as link:
        if link is None:
            raise Unusable(OFF)
        stderr(f"prjobs: asking {link.base_url}")
        link.finish()
        _print(asked, link.describe())
        if said := link.problems():
            raise Unusable(said[0])


def _print(asked: Namespace, found: dict[str, Any] | None) -> None:
    if asked.json:
        print_json(found)
        return
    if found is None:
        print(OFF)
        return
    print(marked(f"{found['mode']}: {found['sentence']}"))
    for site in found["sites"]:
        until_ms = site["read_until_ms"]
        read = f"read until {utc(until_ms)} UTC of the cloud's clock" if until_ms else "not read yet"
        print(marked(f"{site['site']}: {read}{', a cancel_all is being looked into' if site['judging'] else ''}"))
    if found["oldest_unsent_ms"]:
        print(f"the oldest unsent status is of a job of {utc(found['oldest_unsent_ms'])} UTC")
    if found["offset_ms"] is not None:
        print(f"the cloud's clock {_clock_words(round(found['offset_ms'] / 1000))}")
    if found["ghosts"]:
        print(f"records that are no jobs, and were ignored in the last list: {found['ghosts']}")
    for notice in found["notices"]:
        print(marked(notice))
    for row in found["parked"]:
        where = f"{row['site']} {row['ulid']} {row['status']} since {utc(row['since_ms'])} UTC"
        print(marked(f"parked: {where}: {row['reason']}"))


def _clock_words(off_s: int) -> str:
    if abs(off_s) <= 1:
        return "agrees with this machine's"
    from prjobs.cloud.status import clock_words

    return f"is {clock_words(off_s)} this machine's"


def run_shadow_report(asked: Namespace) -> None:
    """Print the report on the present way."""
    import msgspec

    from prjobs.cli.reading import reading_database
    from prjobs.cloud import shadow

    report = shadow.report(reading_database(folder_of(asked)))
    if asked.json:
        print_json(msgspec.to_builtins(report))
    else:
        print("\n".join(marked(line) for line in shadow.lines(report)))

"""`prjobs note add|list|strike`."""

from typing import Any

import msgspec

from prjobs.base.marks import marked
from prjobs.base.settings_sources import load_settings
from prjobs.cli.reading import reading_database
from prjobs.cli.running import running_client
from prjobs.cli.terminal import Namespace, Parser, add_actions, add_data, folder_of, print_json, stderr, utc


def add_note(note: Parser) -> None:
    """Declare `note add`, `note list` and `note strike`."""
    actions = add_actions(note)
    add = add_data(actions.add_parser("add", help="write a note on the present night; prints the note's id"))
    add.add_argument("site", metavar="SITE")
    add.add_argument("text", metavar="TEXT", nargs="+", help="up to 1000 characters; quotes keep spaces as they are")
    about = add.add_mutually_exclusive_group()
    about.add_argument("--night", metavar="DATE", help="another night, by the date of its evening: 2026-11-23")
    about.add_argument("--job", metavar="ULID", help="a job of the site")
    about.add_argument("--lasting", action="store_true", help="the site itself, beyond this night")
    add.set_defaults(run=run_add)
    listing = add_data(actions.add_parser("list", help="list notes, newest first; those of a night oldest first"))
    listing.add_argument("--site", metavar="SITE")
    listing.add_argument("--night", metavar="DATE", help="the notes of one night; --site names its noon")
    listing.add_argument("--limit", metavar="N", type=int, default=100)
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(run=run_list)
    strike = add_data(actions.add_parser("strike", help="strike a note out: its text stays, crossed out"))
    strike.add_argument("id", metavar="ID", type=int)
    strike.set_defaults(run=run_strike)


def run_add(asked: Namespace) -> None:
    """Print the id, alone, on stdout; the note goes to stderr."""
    about = "job" if asked.job else "site" if asked.lasting else "night"
    body = {"site": asked.site, "text": " ".join(asked.text), "about": about, "date": asked.night}
    # The API looks for the canonical spelling.
    body |= {"ulid": asked.job.upper()} if asked.job else {}
    folder = folder_of(asked)
    if client := running_client(folder):
        written = client.api("POST", "/api/notes", body)
    else:
        from prjobs.cli import stored

        written = stored.write_note(folder, body)
    print(written["id"])
    stderr(_line(written))


def run_list(asked: Namespace) -> None:
    """Print one line for each note."""
    # Imported late: writing a note beside a running server needs a small part of the program.
    from prjobs.night import notes
    from prjobs.night.nights import night_named

    folder = folder_of(asked)
    database = reading_database(folder)
    if asked.night:
        settings, _ = load_settings(folder.path)
        found = notes.notes_of_night(database, asked.site, night_named(settings, asked.site, asked.night)).first
    else:
        found = notes.list_notes(database, [asked.site] if asked.site else [], limit=max(1, asked.limit))
    for one in map(msgspec.to_builtins, found):
        print_json(one) if asked.json else print(_line(one))


def _line(one: dict[str, Any]) -> str:
    about = {"job": one["label"], "night": f"night {one['date']}"}.get(one["about"], "site")
    said = f"{one['id']:>5}  {utc(one['time_ms'])} UTC  {one['site']}  {about}  {one['author']}: {one['text']}"
    struck = f"  (struck out by {one['struck_by']})" if one["struck_ms"] else ""
    return marked(said + struck)


def run_strike(asked: Namespace) -> None:
    """Strike one note out."""
    folder = folder_of(asked)
    if client := running_client(folder):
        client.api("POST", f"/api/notes/{asked.id}/strike")
    else:
        from prjobs.cli import stored

        stored.strike_note(folder, asked.id)
    stderr(f"note {asked.id} is struck out")

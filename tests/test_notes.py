"""Notes of observers: who may write, what is kept, where a note is shown, and that no note changes in silence."""

import json
import threading

import pytest
import requests

from prjobs.access import audit
from prjobs.access.audit import Actor
from prjobs.base.errors import BadRequest, Conflict, NotFound
from prjobs.base.settings import Settings
from prjobs.night import nights, notes, noting
from prjobs.night.noting import NewNote
from prjobs.night.report import night_report, stored_source
from prjobs.upkeep import retention
from tests import verbs
from tests.shown import HOSTILE, Seen, page_of
from tests.stores import storable
from tests.verbs import make_token, report, take

ANN = Actor("ann", "tests")
LINK = "see [M31](https://evil.example) <b>now</b> https://evil.example *x*"
DAY_S = 86_400


@pytest.fixture
def asked(server):
    """Ask the server's API as somebody; return the answer."""

    def asked(method, path, who=None, body=None, **query):
        headers = {"Authorization": f"Bearer {who}"} if who else {}
        return requests.request(
            method, f"{server.url}/api/{path}", json=body, headers=headers, params=query, timeout=60
        )

    return asked


def write(appliance, text="The guider drifts.", site="saf", actor=ANN, **about):
    return noting.write_note(appliance.queue, NewNote(site=site, text=text, **about), actor.who.title(), actor)


def night_of(appliance, date=None, site="saf", settings=None):
    settings, now_ms = settings or Settings(), appliance.queue.clock.now_ms()
    night = nights.night_named(settings, site, date) if date else nights.night_at(settings, site, now_ms)
    return night_report(stored_source(appliance.queue.database, settings, now_ms, True), site, night).observer_notes


# ---- what is kept


def test_a_note_stands_in_the_night_log_with_author_and_time(appliance, submit, clock):
    job = submit()
    first = write(appliance)
    clock.advance(60)
    on_job = write(appliance, "Trailed.", about="job", ulid=job.ulid)
    lasting = write(appliance, "The flat lamp is dead.", about="site")
    found = night_of(appliance)
    assert found.first == [first, on_job, lasting] and found.total == 3
    assert (first.author_id, first.author, first.time_ms) == ("ann", "Ann", clock.now_ms() - 60_000)
    assert (on_job.ulid, on_job.label) == (job.ulid, "Slew") and first.date == on_job.date == "2023-11-14"
    page = page_of(appliance, settings=Settings())
    assert "<h2>Notes: 3</h2>" in page and "The guider drifts." in page and "The flat lamp is dead." in page
    assert ">Ann<" in page


def test_a_note_on_another_night_stands_in_the_log_of_that_night(appliance, submit, clock):
    """Of its site, and of all sites, which goes by UTC when the zones differ."""
    submit()
    zoned = Settings(site_zones=["saf=America/Denver", "eco=Australia/Sydney"])
    object.__setattr__(appliance.queue, "settings", zoned)
    for site in ("saf", "eco"):
        submit(site=site)
        note = write(appliance, site=site, date="2023-11-01")
        assert night_of(appliance, "2023-11-01", site, zoned).first == [note]
        assert night_of(appliance, "2023-11-02", site, zoned).first == []
    assert [one.site for one in night_of(appliance, "2023-11-01", None, zoned).first] == ["saf", "eco"]


def test_a_note_on_a_job_stands_in_the_night_of_the_job(appliance, submit, clock):
    job = submit()
    clock.advance(3 * DAY_S)
    note = write(appliance, about="job", ulid=job.ulid)
    assert night_of(appliance, "2023-11-14").first == [note] and night_of(appliance).first == []
    assert notes.list_notes_of_job(appliance.queue.database, job.ulid.lower()) == [note]


def test_a_note_is_struck_out_once_and_keeps_its_text(appliance, submit, clock):
    submit()
    note = write(appliance)
    clock.advance(5)
    struck = noting.strike_note(appliance.queue, note.id, Actor("bob", "tests"))
    assert (struck.text, struck.struck_by, struck.struck_ms) == (note.text, "bob", clock.now_ms())
    with pytest.raises(Conflict, match="struck out by bob already"):
        noting.strike_note(appliance.queue, note.id, ANN)
    assert night_of(appliance).first == [struck]
    assert 'class="l struck">The guider drifts.<' in page_of(appliance, settings=Settings())
    with pytest.raises(NotFound):
        noting.strike_note(appliance.queue, 99, ANN)


def test_writing_and_striking_stand_in_the_audit(appliance, submit):
    job = submit(device="camera")
    note = write(appliance, about="job", ulid=job.ulid)
    noting.strike_note(appliance.queue, note.id, ANN)
    found = [row for row in audit.list_rows(appliance.queue.database.fetch) if row.what.startswith(audit.NOTE)]
    assert [(row.who, row.what, row.target) for row in found] == [("ann", "note", "1"), ("ann", "note struck out", "1")]
    assert found[0].detail == f"saf job {job.ulid}: The guider drifts."


def test_notes_outlive_the_jobs_of_their_night(make_appliance, clock):
    appliance = make_appliance(keep_days=30)
    job = verbs.submit(appliance)
    take(appliance)
    report(appliance, job, "COMPLETE")
    note = write(appliance, about="job", ulid=job.ulid)
    clock.advance(40 * DAY_S)
    verbs.submit(appliance)
    assert retention.prune_once(appliance.queue) == 1
    assert night_of(appliance, "2023-11-14").first == [note] and note.label == "Slew"


def test_many_observers_write_in_the_same_moment(appliance, submit):
    submit()
    begin = threading.Barrier(8)

    def one(number):
        begin.wait()
        write(appliance, f"note {number}", actor=Actor(f"user{number}", "tests"))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    found = night_of(appliance).first
    assert {(one.text, one.author_id) for one in found} == {(f"note {number}", f"user{number}") for number in range(8)}
    assert [one.id for one in found] == sorted(one.id for one in found)
    assert night_of(appliance).first == found


def test_a_long_night_of_notes_is_counted_and_named_in_part(appliance, submit, monkeypatch):
    monkeypatch.setattr(notes, "MOST", 3)
    submit()
    for number in range(5):
        write(appliance, str(number))
    found = night_of(appliance)
    assert (found.total, [one.text for one in found.first]) == (5, ["0", "1", "2"])
    assert "and 2 more" in page_of(appliance, settings=Settings())
    assert [one.text for one in notes.list_notes(appliance.queue.database, ["saf"], before=3)] == ["1", "0"]


# ---- what is refused


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"text": ""}, "text must be a text of 1 to 1000 characters without control characters; "),
        ({"text": "x" * 1001}, "text must be a text of 1 to 1000 characters without control characters; "),
        ({"text": "one\ntwo"}, "text must be a text of 1 to 1000 characters without control characters; "),
        ({"text": "bell\x07"}, "text must be a text of 1 to 1000 characters without control characters; "),
        ({"text": 7}, "text must be a text of 1 to 1000 characters without control characters; "),
        ({"text": " \u00a0"}, "text must say something; only spaces came."),
        ({"text": "a", "site": "no site"}, "site must be a site code"),
        ({"text": "a", "site": "saff"}, "No site of this name is known here. Did you mean saf?"),
        ({"text": "a", "about": "moon"}, "about must be night, site or job; "),
        ({"text": "a", "date": "2026-02-30"}, "date must be the date of an evening, such as 2026-11-23"),
        ({"text": "a", "date": "2026-02-03", "about": "site"}, "date belongs to a note about a night, and only there."),
        ({"text": "a", "about": "job"}, "ulid belongs to a note about a job, and only there"),
        ({"text": "a", "ulid": "x"}, "There is no job with this ulid at this site."),
        ({"text": "a", "about": "job", "ulid": "0" * 26}, "There is no job with this ulid at this site."),
    ],
)
def test_what_is_no_note_is_refused_in_a_sentence_and_leaves_nothing(server, asked, body, sentence):
    verbs.submit(server.appliance)
    take(server.appliance)
    admin = make_token(server.appliance, "staff", "admin")
    answer = asked("POST", "notes", admin, {"site": "saf", **body})
    assert answer.status_code in (400, 404) and answer.json()["error"].startswith(sentence), answer.text
    assert asked("GET", "notes", admin).json() == {"notes": [], "more": False}
    assert not [row for row in audit.list_rows(server.appliance.queue.database.fetch) if row.what == audit.NOTE]


def test_a_job_of_another_site_is_not_noted(appliance, submit):
    job = submit(site="mrc1")
    submit()
    with pytest.raises(NotFound):
        write(appliance, about="job", ulid=job.ulid)
    with pytest.raises(BadRequest):
        write(appliance, about="job", ulid=job.ulid, date="2026-01-01")


# ---- who may write, read and strike


def test_who_may_write_a_note(server, asked):
    appliance = server.appliance
    job = verbs.submit(appliance, user_id="auth0|alice")
    tokens = {
        "admin": make_token(appliance, "a", "admin"),
        "owner": make_token(appliance, "o", "owner"),
        "of saf": make_token(appliance, "s", sites=("saf",)),
        "of eco": make_token(appliance, "e", "admin", sites=("eco",)),
        "alice": make_token(appliance, "auth0|alice"),
        "viewer": make_token(appliance, "v", "viewer"),
        "viewer of saf": make_token(appliance, "v2", "viewer", sites=("saf",)),
        "program": make_token(appliance, "p", "observatory", sites=("saf",)),
        "nobody": None,
    }

    def codes(**body):
        return {
            name: asked("POST", "notes", token, {"site": "saf", "text": name, **body}).status_code
            for name, token in tokens.items()
        }

    refused = {"of eco": 403, "viewer": 403, "viewer of saf": 403, "program": 403, "nobody": 401}
    assert codes() == {"admin": 200, "owner": 200, "of saf": 200, "alice": 403, **refused}
    assert codes(about="job", ulid=job.ulid) == {"admin": 200, "owner": 200, "of saf": 200, "alice": 200, **refused}
    assert "Please log in" in asked("POST", "notes", None, {"site": "saf", "text": "a"}).json()["error"]
    assert [one["author"] for one in asked("GET", "notes", tokens["viewer"]).json()["notes"]] == [
        "auth0|alice", "s", "o", "a", "s", "o", "a"
    ]  # fmt: skip


def test_who_may_read_and_strike_a_note(server, asked):
    appliance = server.appliance
    verbs.submit(appliance)
    verbs.submit(appliance, site="eco")
    author = make_token(appliance, "s", sites=("saf",))
    other = make_token(appliance, "t", sites=("saf",))
    far = make_token(appliance, "e", "admin", sites=("eco",))
    note = asked("POST", "notes", author, {"site": "saf", "text": "mine"}).json()
    path = f"notes/{note['id']}/strike"
    assert [asked("POST", path, who).status_code for who in (None, other, far)] == [401, 403, 404]
    assert asked("GET", "notes", far).json()["notes"] == []
    assert asked("GET", "notes", far, site="saf").status_code == 403
    assert asked("GET", "notes", other, site="saf", date=note["date"]).json()["notes"] == [note]
    assert asked("GET", "notes", site="saf", colour="red").status_code == 400
    struck = asked("POST", path, author).json()
    assert struck["struck_by"] == "s" and struck["text"] == "mine"
    assert asked("POST", path, make_token(appliance, "a", "admin")).status_code == 409
    assert asked("POST", "notes/99999999999999999/strike", author).status_code == 404


def test_one_user_cannot_fill_the_store_with_notes(server, asked):
    verbs.submit(server.appliance)
    admin = make_token(server.appliance, "staff", "admin")
    codes = [asked("POST", "notes", admin, {"site": "saf", "text": "again"}).status_code for _ in range(32)]
    assert codes == [200] * 30 + [429, 429]
    other = make_token(server.appliance, "owner", "owner")
    assert asked("POST", "notes", other, {"site": "saf", "text": "mine"}).status_code == 200


# ---- how a note is shown


def test_a_note_is_plain_text_without_links_or_markup(appliance, submit):
    submit()
    write(appliance, LINK)
    seen = Seen(page_of(appliance, settings=Settings()))
    assert not seen.tags & {"a", "em", "script", "img"}
    assert "see [M31](https://evil.example) &lt;b&gt;now&lt;/b&gt;" in page_of(appliance, settings=Settings())
    # Texts of the store are marked whatever they are.
    row = "INSERT INTO observer_note (site, about, about_ms, date, ulid, label, text, time_ms, author_id, author) "
    values = (
        "saf",
        "night",
        appliance.queue.clock.now_ms(),
        "2023-11-14",
        "",
        "",
        storable(HOSTILE),
        0,
        *(storable(HOSTILE),) * 2,
    )
    database = appliance.queue.database
    database.write(lambda transaction: transaction.execute(f"{row} VALUES ({', '.join('?' * 10)})", values))
    page = page_of(appliance, settings=Settings())
    assert "<script" not in page and "<U+202E>" not in page and "&lt;U+202E&gt;" in page


@pytest.mark.long
def test_notes_from_the_terminal_with_and_without_a_server(program):
    def run(*words):
        return program.run("note", *words)

    program.serve()
    admin = program.token("staff", "--role", "admin")
    job = program.new_job(admin, user_id="staff", site="saf")["ulid"]
    number = run("add", "saf", "cloudy", "since", "03:00").stdout.strip()
    assert run("add", "saf", "trailed", "--job", job.lower()).returncode == 0
    assert run("add", "saf", "x" * 1001).returncode == 1
    assert "No site of this name" in run("add", "nosuch", "a").stderr
    program.kill()
    assert run("add", "saf", "the lamp is dead", "--lasting").returncode == 0
    assert run("strike", number).returncode == 0
    assert "already" in run("strike", number).stderr
    odd = run("add", "saf", "half \udcff a letter")
    assert odd.returncode == 1 and "text must be in UTF-8" in odd.stderr and "Traceback" not in odd.stderr
    found = [json.loads(line) for line in run("list", "--site", "saf", "--json").stdout.splitlines()]
    assert [one["text"] for one in found] == ["the lamp is dead", "trailed", "cloudy since 03:00"]
    assert [bool(one["struck_ms"]) for one in found] == [False, False, True]
    assert len({one["author_id"] for one in found}) == 1 and found[0]["author_id"]
    listed = run("list", "--night", found[0]["date"], "--site", "saf").stdout
    assert listed.splitlines()[0].endswith("cloudy since 03:00  (struck out by " + found[2]["struck_by"] + ")")
    log = program.run("night", found[0]["date"], "--site", "saf").stdout
    assert "\nNotes\n" in log and "trailed" in log

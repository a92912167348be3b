"""No text in the store holds U+0000, which PostgreSQL cannot store; params keep it as the six characters of JSON."""

import json
import re
import sqlite3
from contextlib import closing

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prjobs.access import audit, calendar
from prjobs.access.audit import Entry
from prjobs.cloud import wire as cloud_wire
from prjobs.web.app import ROUTES
from tests.odd_texts import json_values
from tests.program import JOB
from tests.verbs import make_token

NUL = "a\0b"
LATER_MS = 4_000_000_000_000
# Bodies that are accepted as they are; `ULID` stands for a waiting job. A route with a text in its body has one.
BODIES = {
    "/newjob": dict(JOB),
    "/getnewjobs": {"site": "saf", "poll_id": "one", "deviceType": "camera", "deviceInstance": "camera1"},
    "/updatejobstatus": {"site": "saf", "ulid": "ULID", "newStatus": "STARTED", "message": "why"},
    "/startjob": {"site": "saf", "ulid": "ULID", "message": "why"},
    "/getrecentjobs": {"site": "saf"},
    "/api/jobs/<ulid>/cancel": {"reason": "clouds"},
    "/api/jobs/<ulid>/close": {"reason": "clouds"},
    "/api/notes": {"site": "saf", "text": "seen", "about": "night"},
    "/api/tokens": {"user_id": "auth0|bob", "user_name": "Bob"},
    "/api/reservations": {
        "site": "saf", "start_ms": LATER_MS, "end_ms": LATER_MS + 60_000, "creator_id": "auth0|bob", "title": "mine",
        "creator": "Bob", "force": True,
    },
    "/api/lock": {"site": "saf", "reason": "in the dome", "name": "Bob"},
    "/api/alarms/ack": {"keys": ["silent/saf"]},
    "/api/commands/notes": {"site": "saf", "device": "camera", "action": "expose"},
}  # fmt: skip


def rows_with_nul(server) -> list[tuple[str, str]]:
    """Return the tables and columns of the store in which a text holds NUL."""
    with closing(sqlite3.connect(server.folder.database)) as file:
        tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = [(table, row[1]) for table in tables for row in file.execute(f'PRAGMA table_info("{table}")')]
        return [
            (table, column)
            for table, column in columns
            if file.execute(f'SELECT 1 FROM "{table}" WHERE instr("{column}", char(0)) LIMIT 1').fetchone()
        ]


@pytest.fixture
def admin(server, http):
    http.headers["Authorization"] = f"Bearer {make_token(server.appliance, 'auth0|admin', 'admin')}"
    return http


@pytest.fixture
def post(server, admin):
    def post(path: str, body: dict, **headers: str):
        ulid = ""
        if "ulid" in path or "ulid" in body:
            ulid = admin.post(f"{server.url}/newjob", json=JOB, timeout=30).json()["ulid"]
        filled = json.loads(json.dumps(body).replace("ULID", ulid))
        return admin.post(server.url + path.replace("<ulid>", ulid), json=filled, headers=headers, timeout=30)

    return post


@pytest.mark.parametrize("path", BODIES)
def test_a_text_with_nul_is_refused_and_nothing_is_stored(server, post, path):
    body = BODIES[path]
    assert post(path, body).status_code < 500
    for name, value in body.items():
        if isinstance(value, str) and value != "ULID":
            answer = post(path, {**body, name: NUL})
            assert answer.status_code == 400, (name, answer.text)
            said = answer.headers.get("X-Prjobs-Error") or answer.text
            assert name in said, said
    assert rows_with_nul(server) == []


def texts_in(shape: type) -> set[str]:
    """Return the fields of a body that a text fits."""
    schema = msgspec.json.schema(shape, ref_template="{name}")["$defs"]
    return {name for name, field in schema[shape.__name__]["properties"].items() if '"string"' in json.dumps(field)}


def test_each_route_refuses_nul_in_each_field_and_in_each_query(server, admin):
    """Also where the rest of the request is wrong: nothing with NUL gets through, and nothing ends as a fault."""
    # The search of the manual reads no store.
    for route in (route for route in ROUTES if route.path != "/manual"):
        path = server.url + re.sub("<[a-z_]+>", "1", route.path)
        for name in texts_in(route.body) if route.body else ():
            answer = admin.request(route.method, path, json={**BODIES.get(route.path, {}), name: NUL}, timeout=30)
            assert 400 <= answer.status_code < 500, (route.path, name, answer.text)
        for name in texts_in(route.query) if route.query else ():
            answer = admin.request(route.method, path, params={name: NUL}, timeout=30)
            assert 400 <= answer.status_code < 500, (route.path, name, answer.text)
    assert rows_with_nul(server) == []


def test_a_header_a_path_and_a_list_with_nul_are_refused(server, admin):
    assert admin.get(f"{server.url}/api/jobs/a%00b", timeout=30).status_code == 404
    assert admin.post(f"{server.url}/api/alarms/ack", json={"keys": ["a", NUL]}, timeout=30).status_code == 400
    assert admin.get(f"{server.url}/api/notes?site=saf%00", timeout=30).status_code == 400


def test_params_with_nul_come_back_as_they_were_sent(server, admin):
    with_nul = st.dictionaries(st.sampled_from(["a", NUL, "\0"]), st.just("\0") | json_values, min_size=1, max_size=3)

    @settings(max_examples=15)
    @given(with_nul, with_nul)
    def check(required, optional):
        try:
            sent = json.dumps({**JOB, "required_params": required, "optional_params": optional}, allow_nan=False)
            sent.encode()
        except (ValueError, UnicodeEncodeError):
            return
        made = admin.post(f"{server.url}/newjob", data=sent, timeout=30)
        if made.status_code != 200:
            # Numbers beyond a double, halves of characters: refused for what they are.
            assert made.status_code == 400, made.text
            assert "0000" not in made.text
            return
        (job,) = admin.post(f"{server.url}/getnewjobs", json={"site": "saf"}, timeout=30).json()
        assert (job["required_params"], job["optional_params"]) == (required, optional)

    check()
    assert rows_with_nul(server) == []


def test_the_label_of_a_job_with_nul_in_its_params_has_none(server, admin, post):
    params = {"time": NUL, "count": NUL, "filter": NUL, "object": NUL}
    job = {**JOB, "required_params": params, "optional_params": params}
    made = admin.post(f"{server.url}/newjob", json=job, timeout=30).json()
    note = {"site": "saf", "text": "seen", "about": "job", "ulid": made["ulid"]}
    assert admin.post(f"{server.url}/api/notes", json=note, timeout=30).status_code == 200
    assert rows_with_nul(server) == []


def test_the_audit_marks_nul(appliance):
    entry = Entry("who", "what", NUL, "where", NUL)
    row = appliance.queue.database.write(audit.record, 1, entry)
    assert (row.target, row.detail) == ("a\ufffdb", "a\ufffdb")


# ---- from the cloud and the calendar

ULID = "01HGW1Q2S000000000000000A1"
DOCUMENT = {
    "ulid": ULID, "site": "saf", "action": "expose", "statusId": f"UNREAD#{ULID}", "deviceType": "camera",
    "deviceInstance": "camera1", "user_id": "u", "user_name": "U", "required_params": {}, "optional_params": {},
}  # fmt: skip


def listed(**changed: object) -> cloud_wire.Sighting:
    body = json.dumps([{**DOCUMENT, **changed}]).encode()
    (seen,) = cloud_wire.read_listing(body, "saf", LATER_MS).sightings
    return seen


def test_a_job_of_the_cloud_with_nul_is_unusable_but_a_stop_is_not():
    assert cloud_wire.read_record(listed()) is not None
    for name in ("action", "deviceType", "deviceInstance", "user_id", "user_name"):
        assert cloud_wire.read_record(listed(**{name: NUL})) is None, name
    for name in ("deviceInstance", "user_id", "user_name"):
        stop = cloud_wire.read_record(listed(action="cancel_all_commands", **{name: NUL}))
        assert stop is not None
        assert "\0" not in "".join(map(str, msgspec.structs.astuple(stop)))
    assert cloud_wire.read_record(listed(required_params={"a": NUL})) is not None
    assert listed(statusId=f"{NUL}#{ULID}").status == "a\ufffdb"


def test_an_event_of_the_calendar_with_nul_keeps_its_time():
    event = {"site": "saf", "start": "2030-01-01T00:00:00Z", "end": "2030-01-01T01:00:00Z", "event_id": NUL}
    event |= {"creator_id": NUL, "creator": NUL, "title": NUL}
    (found,) = calendar.parse_events([event], "saf").events
    assert (found.event_id, found.creator_id, found.creator, found.title) == ("", "", "a\ufffdb", "a\ufffdb")
    assert found.end_ms - found.start_ms == 3_600_000

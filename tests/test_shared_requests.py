"""Requests to refuse and odd ones to accept, sent to a real server as they are written."""

import json
import re

import pytest

from prjobs.access.reservations import NewReservation
from prjobs.access.reserving import add_reservation
from tests import sharedfiles
from tests.provider import AUDIENCE, ISSUER, NAMESPACE, Keys, bad_tokens
from tests.verbs import USER

BAD = sharedfiles.load("bad_requests.jsonl")
ODD = sharedfiles.load("odd_requests.jsonl")
# These do not name the endpoint in a way that can be understood.
NO_PATH = {"wire-23", "wire-27"}
needs_shared = pytest.mark.skipif(not BAD, reason="the shared folder is not beside the project")


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """A server with one delivered job of the site saf; what the placeholders stand for."""
    import threading

    from prjobs.base.folder import Folder
    from prjobs.base.settings import Settings
    from prjobs.server import Server
    from tests.program import JOB

    keys, other = Keys(), Keys("k2")
    settings = Settings(
        port=0,
        reservations="local",
        # The lines refuse a stop during another user's reservation, which the default admits.
        stop_needs="reservation",
        login_failures=1000,
        oidc_issuer=ISSUER,
        oidc_audience=AUDIENCE,
        oidc_namespace=NAMESPACE,
        oidc_certificate=keys.certificate,
    )
    server = Server(Folder(tmp_path_factory.mktemp("shared") / "data"), settings)
    now_ms = server.appliance.queue.clock.now_ms()
    reserved = NewReservation("rsv", "auth0|holder", now_ms - 1000, now_ms + 3_600_000, "Holder")
    add_reservation(server.appliance.desk, reserved, USER)
    thread = threading.Thread(target=server.run)
    thread.start()
    port = server.listener.port
    values = {
        "port": str(port),
        "token.valid": keys.token("auth0|alice"),
        "token.admin": keys.token("auth0|alice", roles=["admin"]),
        "token.holder": keys.token("auth0|holder"),
        "token.roles_similar": keys.token("auth0|alice", roles=["notadmin", "administrator"]),
        **{f"token.{name}": token for name, token in bad_tokens(keys, other).items()},
        "ulid.unknown": "01DZVY846T52P6P3JWAJNJMJ1Z",
    }
    headers = {"Authorization": f"Bearer {values['token.valid']}"}
    line = {"method": "POST", "path": "/newjob", "headers": headers, "body": json.dumps(JOB)}
    values["ulid.known"] = json.loads(sharedfiles.send(line, port, values).body)["ulid"]
    sharedfiles.send({**line, "path": "/getnewjobs", "headers": {}, "body": '{"site": "saf"}'}, port, values)
    yield server, port, values
    server.stop()
    thread.join(60)


def stored(server):
    return server.appliance.queue.database.fetch("SELECT * FROM job ORDER BY seq")


@needs_shared
@pytest.mark.parametrize("line", BAD, ids=lambda line: line["id"])
def test_refused_and_nothing_changed(target, line):
    server, port, values = target
    before = stored(server)
    answer = sharedfiles.send(line, port, values)
    assert answer.status in line["expect_status"], (answer, line["why"])
    if "expect_text" in line:
        assert re.search(line["expect_text"], answer.sentence, re.IGNORECASE), (answer.sentence, line["why"])
    assert "<" not in answer.sentence and "\n" not in answer.sentence
    if line["path"].startswith("/getnewjobs") and line["id"] not in NO_PATH:
        assert json.loads(answer.body) == []
    assert stored(server) == before
    alive = {"method": "GET", "path": "/healthz", "headers": {}}
    assert sharedfiles.send(alive, port, values).status == 200


@needs_shared
@pytest.mark.parametrize("line", ODD, ids=lambda line: line["id"])
def test_accepted(target, line):
    _, port, values = target
    answer = sharedfiles.send(line, port, values)
    assert answer.status in line["expect_status"], (answer, line["why"])
    assert isinstance(json.loads(answer.body), dict | list)


def test_the_shared_files_are_used_where_they_exist():
    if sharedfiles.FOLDER.exists():
        assert len(BAD) > 100 and len(ODD) > 20

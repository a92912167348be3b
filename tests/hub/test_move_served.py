"""A store in use moves to a hub and back: tokens and cursors stay good, no job is lost or comes twice."""

import os

import pytest
import requests

from tests.hub.processes import Hub
from tests.program import Program


def changes(program: Program, token: str, since: int) -> list[tuple[int, str, str]]:
    """Follow the log, as a program with a cursor does."""
    headers = {"Authorization": f"Bearer {token}"}
    found = requests.get(f"{program.url}/api/changes?since={since}", headers=headers, timeout=30)
    assert found.status_code == 200, found.text
    return [(one["seq"], one["job"]["ulid"], one["status"]) for one in found.json()["changes"]]


def moved(hub: Hub, program: Program, to: str) -> str:
    program.stop()
    code, output, errors = hub.run(program, "move", "--to", to)
    assert code == 0, errors
    return output


@pytest.mark.long
def test_tokens_cursors_ids_and_waiting_jobs_stay_good_over_both_moves(hub):
    program = Program(hub.folder / "data0")
    program.serve()
    token = program.token()
    sent = [program.new_job(token)["ulid"] for _ in range(4)]
    assert program.fetch(2)[:2] == sent[:2]
    waiting = [program.new_job(token)["ulid"] for _ in range(2)]
    before = changes(program, token, 0)
    assert "fits into" not in moved(hub, program, hub.url)
    hub.programs.append(program)
    hub.serve(program)
    second = hub.add()
    assert changes(program, token, 0)[: len(before)] == before
    assert program.fetch(2) == waiting
    later = [program.new_job(token)["ulid"] for _ in range(2)]
    code, _, errors = hub.run(second, "move", "--to", str(hub.folder / "back"))
    assert code == 1 and ("in use by" in errors or "is served by" in errors)
    second.stop()
    followed = changes(program, token, before[-1][0])
    assert {ulid for _, ulid, _ in followed} >= {*waiting, *later}
    assert [seq for seq, *_ in followed] == sorted({seq for seq, *_ in followed})
    moved(hub, program, str(hub.folder / "back"))
    refused = program.run("serve", "--port", "0", env=hub.environment)
    assert refused.returncode == 1 and "left the database" in refused.stderr
    back = Program(hub.folder / "back")
    back.serve(env={**os.environ})
    try:
        assert back.fetch(2) == later
        newest = back.new_job(token)["ulid"]
        assert [*sent, *waiting, *later, newest] == sorted([*sent, *waiting, *later, newest])
        assert changes(back, token, 0)[: len(before) + len(followed)] == before + followed
    finally:
        back.stop()

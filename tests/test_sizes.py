"""Large jobs: the limit on params, answers and pages of about a megabyte, and memory for a few jobs at a time."""

import json
import tracemalloc

import pytest

from prjobs.jobs import log, lookup
from prjobs.monitor import sites, views
from prjobs.night.nights import night_at
from prjobs.night.report import night_report, source_of
from tests.program import JOB
from tests.verbs import make_token, submit, take

KB = 1024


def params(size, letter="x"):
    """Params of so many bytes as JSON."""
    return json.dumps({"text": letter * (size - len(json.dumps({"text": ""})))}, ensure_ascii=False)


def in_parts(appliance, **parts):
    """The jobs of one answer after the other, until nothing waits; a program polls every few seconds."""
    answers = []
    while rows := take(appliance, **parts):
        answers.append(rows)
        appliance.queue.clock.advance(4)
    return answers


# ---- new jobs


@pytest.fixture
def send(make_server, http):
    """Send a new job with these params to a server with these settings."""

    def send(required="{}", optional="{}", settings=None, **parts):
        server = make_server(name=f"data{len(made)}", **(settings or {}))
        made.append(server)
        token = make_token(server.appliance, "auth0|alice", "admin")
        named = {name: value for name, value in {**JOB, **parts}.items() if not name.endswith("_params")}
        body = f'{json.dumps(named)[:-1]}, "required_params": {required}, "optional_params": {optional}}}'.encode()
        return http.post(f"{server.url}/newjob", data=body, headers={"Authorization": f"Bearer {token}"}, timeout=60)

    made = []
    return send


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 413)])
def test_params_of_64_kb_are_the_most_with_the_roles(send, more, status):
    answer = send(params(40 * KB - len('["admin"]') + more), params(24 * KB))
    assert answer.status_code == status
    sentence = "required_params and optional_params must have at most 64 kB together; 65 kB came."
    assert (answer.text == sentence) == (status == 413)


@pytest.mark.parametrize(("letter", "status"), [("x", 200), ("é", 413)])
def test_the_limit_counts_bytes_and_not_characters(send, letter, status):
    assert send(params(60 * KB, letter)).status_code == status


def test_a_refused_job_is_nowhere(make_server, http):
    server = make_server()
    bearer = {"Authorization": f"Bearer {make_token(server.appliance, 'auth0|alice')}"}
    big = {**JOB, "required_params": {"text": "x" * 70_000}}
    answer = http.post(f"{server.url}/newjob", json=big, headers=bearer, timeout=60)
    assert answer.status_code == 413
    assert http.post(f"{server.url}/getnewjobs", json={"site": JOB["site"]}, timeout=60).json() == []
    assert http.get(f"{server.url}/api/jobs", timeout=60).json()["jobs"] == []


@pytest.mark.parametrize(("limit", "size", "status"), [(100, 70, 200), (16, 20, 413), (16, 10, 200)])
def test_the_setting_moves_the_limit(send, limit, size, status):
    assert send(params(size * KB), settings={"max_params_kb": limit}).status_code == status


@pytest.mark.parametrize("action", ["cancel_all_commands", "park"])
def test_a_large_stop_or_parking_is_taken_without_its_params(send, action):
    answer = send(params(100 * KB), device="mount", action=action)
    assert answer.status_code == 200 and answer.json()["required_params"] == {}


def test_an_older_large_job_is_not_sent_again(make_server, http):
    server = make_server()
    bearer = {"Authorization": f"Bearer {make_token(server.appliance, 'auth0|alice')}"}
    old = submit(server.appliance, required_params=params(100 * KB))
    answer = http.post(f"{server.url}/api/jobs/{old.ulid}/again", headers=bearer, timeout=60)
    assert answer.status_code == 413 and answer.json()["code"] == "too_large"


# ---- answers of getnewjobs


def test_an_answer_has_200_jobs_at_most_oldest_first(appliance, submit_many):
    sent = submit_many(appliance, 450)
    answers = in_parts(appliance)
    assert [len(rows) for rows in answers] == [200, 200, 50]
    assert [row.ulid for rows in answers for row in rows] == sent


def test_an_answer_has_a_megabyte_at_most(make_server, http):
    server = make_server(max_params_kb=1000)
    sent = [submit(server.appliance, required_params=params(60 * KB), user_name='"' * 128).ulid for _ in range(40)]
    got = []
    while (answer := http.post(f"{server.url}/getnewjobs", json={"site": "saf"}, timeout=60)).json():
        assert len(answer.content) <= 1_000_000
        assert len(answer.json()) > 10 or len(got) > 20
        got += [job["ulid"] for job in answer.json()]
    assert got == sent


def test_jobs_from_before_the_limit_leave_one_by_one(appliance):
    sizes = (900_000, 700_000, 1_500_000, 100, 100)
    sent = [submit(appliance, required_params=params(size)).ulid for size in sizes]
    answers = in_parts(appliance)
    assert [len(rows) for rows in answers] == [1, 1, 1, 2]
    assert [row.ulid for rows in answers for row in rows] == sent
    assert [len(row.required_params) for rows in answers for row in rows] == list(sizes)


def test_a_stop_leaves_before_the_hundreds_that_wait_longer(appliance):
    """A stop withdraws other jobs, but no closing and parking."""
    parks = [submit(appliance, action="park", required_params=params(50 * KB)).ulid for _ in range(210)]
    stop = submit(appliance, action="stop")
    answers = in_parts(appliance)
    assert [row.ulid for row in answers[0]] == [stop.ulid]
    assert [row.ulid for rows in answers[1:] for row in rows] == parks


def test_hundreds_of_stops_leave_in_parts_and_alone(make_appliance):
    appliance = make_appliance(stop_scope="cancel_all")
    sent = [submit(appliance, action="stop").ulid for _ in range(210)]
    go = submit(appliance)
    answers = in_parts(appliance)
    assert [len(rows) for rows in answers] == [200, 10, 1]
    assert [row.ulid for rows in answers for row in rows] == [*sent, go.ulid]


def test_expired_jobs_take_no_room_in_an_answer(appliance, clock, submit_many):
    submit_many(appliance, 450)
    clock.advance(3600)
    young = submit(appliance)
    assert [[row.ulid for row in rows] for rows in in_parts(appliance)] == [[young.ulid]]


def test_a_repeated_poll_gets_the_same_part_and_the_next_the_rest(appliance, submit_many):
    sent = submit_many(appliance, 250)
    first = [row.ulid for row in take(appliance, poll_id="a")]
    assert first == [row.ulid for row in take(appliance, poll_id="a")] == sent[:200]
    again = take(appliance, poll_id="a")
    assert all(row.required_params == "{}" and row.user_roles == "[]" for row in again)
    assert [row.ulid for row in take(appliance, poll_id="b")] == sent[200:]


def test_a_filtered_poll_is_limited_alike(appliance):
    for number in range(410):
        submit(appliance, device="mount" if number % 2 else "camera")
    assert [len(rows) for rows in in_parts(appliance, device="mount")] == [200, 5]


def test_a_held_poll_gets_the_rest_at_once(make_server, http, submit_many):
    server = make_server()
    submit_many(server.appliance, 201)
    counts = [
        len(http.post(f"{server.url}/getnewjobs", json={"site": "saf", "wait": wait}, timeout=60).json())
        for wait in (20, 20, 0)
    ]
    assert counts == [200, 1, 0]


# ---- lists


@pytest.fixture
def large(appliance):
    """Sixty jobs of a megabyte, as from before the limit."""
    text = params(1_000_000)
    for number in range(60):
        submit(appliance, action="park" if number % 2 else "go", required_params=text)
    return appliance


def peak_mb(act):
    """The most memory in megabytes that an act takes."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_no_list_of_people_and_no_change_of_status_takes_memory_for_all_params(large):
    queue = large.queue
    database = queue.database
    night = night_at(queue.settings, "saf", queue.clock.now_ms())
    acts = {
        "the job list": lambda: [views.view_job(row) for row in views.list_jobs(database, views.Filter(limit=1000))[0]],
        "the changes": lambda: [views.view_change(one) for one in log.list_changes(database, 0)],
        "the newest events": lambda: [views.view_change(one) for one in log.newest_events(database, 200)],
        "the sites": lambda: sites.list_sites(large.board),
        "the night": lambda: night_report(source_of(queue), "saf", night),
        "getrecentjobs": lambda: [len(page) for page in lookup.list_since(database, "saf", 0)],
        "a poll": lambda: take(large),
        "a stop": lambda: submit(large, action="cancel_all_commands"),
    }
    over = {name: mb for name, act in acts.items() if (mb := peak_mb(act)) > 25}
    assert not over


def test_getrecentjobs_has_every_job_with_its_params(make_server, http):
    server = make_server()
    sizes = [300_000, 10, 1_200_000, 700_000, 400_000, *[20] * 520, 900_000]
    sent = [submit(server.appliance, required_params=params(max(size, 20))) for size in sizes]
    recent = http.post(f"{server.url}/getrecentjobs", json={"site": "saf"}, timeout=60).json()
    assert [job["ulid"] for job in recent] == [row.ulid for row in sent]
    assert [job["required_params"] for job in recent] == [json.loads(row.required_params) for row in sent]


def test_pages_of_recent_jobs_are_cut_by_bytes(appliance):
    for size in (600_000, 600_000, 100_000, 1_200_000, 100, 100):
        submit(appliance, required_params=params(size))
    pages = list(lookup.list_since(appliance.queue.database, "saf", 0))
    assert [len(page) for page in pages] == [1, 2, 1, 2]


def test_a_list_has_the_label_and_no_params_and_the_job_alone_has_them(make_server, http):
    server = make_server()
    text = json.dumps({"filter": "R", "exposure_time": 5, "note": "x" * 5000})
    job = submit(server.appliance, device="camera", action="expose", required_params=text)
    get = lambda path: http.get(f"{server.url}{path}", timeout=60)  # noqa: E731
    listed = get("/api/jobs")
    (shown,) = listed.json()["jobs"]
    detail = get(f"/api/jobs/{job.ulid}").json()
    assert "required_params" not in shown and shown["label"] == detail["label"]
    assert detail["required_params"] == json.loads(text)
    assert all(len(get(path).content) < 5000 for path in ("/api/jobs", "/api/changes?since=0", "/api/now"))


def test_a_page_of_a_list_is_cut_by_bytes_and_the_next_page_goes_on(make_server, http):
    server = make_server()
    noted = "☂" * 500
    sent = [submit(server.appliance, user_name="☂" * 128, user_id="☂" * 128).ulid for _ in range(450)]
    server.appliance.queue.database.write(lambda t: t.execute("UPDATE job SET note = ?", (noted,)))

    def get(path):
        answer = http.get(f"{server.url}{path}", timeout=60)
        assert len(answer.content) < 1_010_000
        return answer.json()

    listed = [get("/api/jobs?limit=1000")]
    while following := listed[-1]["next"]:
        listed.append(get(f"/api/jobs?limit=1000&before={following}"))
    assert len(listed) > 1 and [job["ulid"] for page in listed for job in page["jobs"]] == sent[::-1]
    changes = [get("/api/changes?since=0")]
    while changes[-1]["more"]:
        changes.append(get(f"/api/changes?since={changes[-1]['seq']}"))
    assert len(changes) > 1 and [one["job"]["ulid"] for page in changes for one in page["changes"]] == sent
    newest = get("/api/changes?last=450")["changes"]
    assert 1 < len(newest) < 450 and [one["job"]["ulid"] for one in newest] == sent[-len(newest) :]

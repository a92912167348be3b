"""The client against a real service that answers well, badly, late or not at all."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import bottle
import pytest

from prjobs.client import Client, NotReached, Refused
from tests.serving import Serving

JOB = {"ulid": "01E4C33S9ZFGS8P0K31FH9FDTN", "site": "saf", "statusId": "UNREAD#01E4C33S9ZFGS8P0K31FH9FDTN"}


class Service:
    """A service on a port of its own that keeps what it was asked; `answer` is what it answers with."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: Any = (200, {}, b"{}")
        self.go_on = threading.Event()
        app = bottle.Bottle()
        app.route("<path:re:.*>", ["GET", "POST", "DELETE"], self._handle)
        self._serving = Serving(app)
        self.url = self._serving.url

    def _handle(self, path: str) -> bottle.HTTPResponse:
        request = bottle.request
        self.asked.append(
            {
                "method": request.method,
                "path": path,
                "query": dict(request.query),
                "headers": dict(request.headers),
                "body": json.loads(request.body.read() or b"null"),
                "port": request.environ["REMOTE_PORT"],
            }
        )
        status, headers, body = self.answer(self) if callable(self.answer) else self.answer
        return bottle.HTTPResponse(body, status, headers)

    def answers(self, value: object, status: int = 200, **headers: str) -> None:
        names = {key.replace("_", "-"): text for key, text in headers.items()}
        self.answer = (status, names, json.dumps(value).encode())

    def close(self) -> None:
        self.go_on.set()
        self._serving.close()


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with Client(service.url, token="t0ken", timeout_s=5) as client:
        yield client


def test_new_job(service: Service, client: Client) -> None:
    service.answers(JOB)
    extra = {"mount": "mount1", "site": "never this"}
    job = client.new_job(
        "saf", "camera", "camera1", "expose", {"time": "1"}, user_id="a|1", user_name="Ann", extra=extra
    )
    assert job == JOB
    asked = service.asked[0]
    assert (asked["method"], asked["path"]) == ("POST", "/newjob")
    assert asked["headers"]["Authorization"] == "Bearer t0ken"
    assert asked["body"] == {
        "site": "saf",
        "device": "camera",
        "instance": "camera1",
        "action": "expose",
        "required_params": {"time": "1"},
        "optional_params": {},
        "user_id": "a|1",
        "user_name": "Ann",
        "mount": "mount1",
    }


def test_a_plain_poll_asks_as_the_original_does(service: Service, client: Client) -> None:
    service.answers([JOB])
    assert client.get_new_jobs("saf") == [JOB]
    assert service.asked[0]["path"] == "/getnewjobs"
    assert service.asked[0]["body"] == {"site": "saf"}


def test_a_poll_with_everything(service: Service, client: Client) -> None:
    service.answers([])
    assert client.get_new_jobs("saf", True, wait_s=20, poll_id="p1", lease_s=60) == []
    assert service.asked[0]["body"] == {
        "site": "saf",
        "alternateQueue": True,
        "wait": 20,
        "poll_id": "p1",
        "lease": 60,
    }


def test_reports(service: Service, client: Client) -> None:
    service.answers({"ulid": "U", "statusId": "EXPOSING#U", "secondsUntilComplete": 3})
    assert client.update_job_status("saf", "U", "EXPOSING", 2.5)["secondsUntilComplete"] == 3
    client.start_job("saf", "U", alternate_queue=True)
    first, second = service.asked
    assert (first["path"], second["path"]) == ("/updatejobstatus", "/startjob")
    assert first["body"] == {"site": "saf", "ulid": "U", "newStatus": "EXPOSING", "secondsUntilComplete": 2.5}
    assert second["body"] == {"site": "saf", "ulid": "U", "secondsUntilComplete": -1, "alternateQueue": True}


def test_recent_jobs(service: Service, client: Client) -> None:
    service.answers([JOB, JOB])
    assert client.get_recent_jobs("saf") == [JOB, JOB]
    client.get_recent_jobs("saf", time_range_ms=0)
    assert [asked["body"] for asked in service.asked] == [{"site": "saf"}, {"site": "saf", "timeRange": 0}]


def test_the_api(service: Service, client: Client) -> None:
    service.answers({"seq": 4})
    assert client.api("GET", "changes", query={"since": 3, "site": None, "text": "a b&c"}) == {"seq": 4}
    client.api("POST", "/api/jobs/U/cancel", {"reason": ""})
    client.api("GET", "/healthz")
    assert [asked["path"] for asked in service.asked] == ["/api/changes", "/api/jobs/U/cancel", "/healthz"]
    assert service.asked[0]["query"] == {"since": "3", "text": "a b&c"}
    assert [asked["body"] for asked in service.asked] == [None, {"reason": ""}, None]


def test_an_empty_answer_of_the_api_is_none(service: Service, client: Client) -> None:
    service.answer = (204, {}, b"")
    assert client.api("DELETE", "tokens/1") is None


@pytest.mark.parametrize(
    ("end", "endpoint", "api"),
    [
        ("", "/newjob", "/api/now"),
        ("/", "/newjob", "/api/now"),
        ("/jobs", "/jobs/newjob", "/api/now"),
        ("/dev/", "/dev/newjob", "/api/now"),
        ("/behind/a/proxy/", "/behind/a/proxy/newjob", "/behind/a/proxy/api/now"),
        ("/proxy/jobs", "/proxy/jobs/newjob", "/proxy/api/now"),
    ],
)
def test_the_base_url_may_end_in_many_ways(service: Service, end: str, endpoint: str, api: str) -> None:
    with Client(service.url + end) as client:
        client.new_job("saf", "camera", "", "stop", user_id="a", user_name="")
        client.api("GET", "now")
    assert [asked["path"] for asked in service.asked] == [endpoint, api]


def test_the_base_url_needs_no_scheme(service: Service) -> None:
    port = service.url.rsplit(":", 1)[1]
    for host in ("127.0.0.1", "localhost"):
        with Client(f" {host}:{port}\n") as client:
            assert client.api("GET", "now") == {}


@pytest.mark.parametrize("url", ["", "http://", "ftp://host", "http://[::1", "http://host:port"])
def test_an_address_that_cannot_be(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Client(url)


@pytest.mark.parametrize("token", ["", "two\nlines", "Ünicode"])
def test_a_token_that_cannot_be(token: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        Client("http://localhost", token=token)


def test_a_token_from_a_file_has_a_newline_at_its_end(service: Service) -> None:
    with Client(service.url, token="abc\n") as client:
        client.api("GET", "now")
    assert service.asked[0]["headers"]["Authorization"] == "Bearer abc"


def test_a_key_in_the_address_is_basic_authentication(service: Service) -> None:
    service.answers([])
    with Client(service.url.replace("//", "//saf:K%2FY@")) as client:
        client.get_new_jobs("saf")
    assert service.asked[0]["headers"]["Authorization"] == "Basic " + base64.b64encode(b"saf:K/Y").decode()
    assert "K" not in service.asked[0]["headers"]["Host"]


def test_one_connection_for_many_calls(service: Service, client: Client) -> None:
    service.answers([])
    for _ in range(5):
        client.get_new_jobs("saf")
    assert len({asked["port"] for asked in service.asked}) == 1


def test_a_closed_client_asks_nothing(service: Service, client: Client) -> None:
    client.api("GET", "now")
    client.close()
    with pytest.raises(NotReached):
        client.api("GET", "now")
    assert len(service.asked) == 1


def test_refused_with_a_line_of_text(service: Service, client: Client) -> None:
    service.answer = (400, {}, b"Error: missing required key device\n")
    with pytest.raises(Refused) as refused:
        client.new_job("saf", "", "", "", user_id="", user_name="")
    assert (refused.value.status, refused.value.sentence) == (400, "Error: missing required key device")
    assert str(refused.value) == "400: Error: missing required key device"
    assert refused.value.code == ""
    assert refused.value.retry_after_s is None


def test_a_refused_poll_has_its_sentence_in_a_header(service: Service, client: Client) -> None:
    service.answers([], 503, X_Prjobs_Error="The database is locked.", Retry_After="5")
    with pytest.raises(Refused) as refused:
        client.get_new_jobs("saf")
    assert (refused.value.status, refused.value.sentence) == (503, "The database is locked.")
    assert refused.value.retry_after_s == 5


def test_refused_under_api_has_a_code(service: Service, client: Client) -> None:
    service.answers({"error": "No such job.", "code": "no_such_job"}, 404)
    with pytest.raises(Refused) as refused:
        client.api("GET", "jobs/U")
    assert (refused.value.sentence, refused.value.code) == ("No such job.", "no_such_job")


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff\xfe", b"{}", b"<html>" * 10_000, b"[" * 100_000])
@pytest.mark.parametrize("status", [400, 401, 429, 500, 599])
def test_refused_with_an_odd_body(service: Service, client: Client, status: int, body: bytes) -> None:
    service.answer = (status, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, body)
    with pytest.raises(Refused) as refused:
        client.get_new_jobs("saf")
    assert refused.value.status == status
    assert 0 < len(refused.value.sentence) <= 500
    assert refused.value.retry_after_s is None


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_without_the_service_behind_it(service: Service, client: Client, status: int) -> None:
    service.answer = (status, {}, b"<html>Bad gateway</html>")
    with pytest.raises(NotReached) as failed:
        client.get_new_jobs("saf")
    assert failed.value.perhaps_done


@pytest.mark.parametrize("body", [b"<html>Sign in to the Wi-Fi</html>", b"[1, 2", b"\xff", b"", b"[" * 100_000])
def test_not_json(service: Service, client: Client, body: bytes) -> None:
    service.answer = (200, {}, body)
    with pytest.raises(NotReached) as failed:
        client.get_new_jobs("saf")
    assert failed.value.perhaps_done


@pytest.mark.parametrize("value", [{}, "[]", None, 3])
def test_a_poll_answered_with_something_else_than_a_list(service: Service, client: Client, value: object) -> None:
    service.answers(value)
    with pytest.raises(NotReached, match="something else than a list"):
        client.get_new_jobs("saf")


def test_a_job_that_is_not_an_object(service: Service, client: Client) -> None:
    service.answers([])
    with pytest.raises(NotReached, match="something else than an object"):
        client.new_job("saf", "camera", "", "stop", user_id="a", user_name="")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(service: Service, client: Client, status: int) -> None:
    def moved_once(service: Service) -> Any:
        first = len(service.asked) == 1
        return (status, {"Location": service.url + "/elsewhere"}, b"") if first else (200, {}, b"[]")

    service.answer = moved_once
    with pytest.raises(NotReached, match="elsewhere") as failed:
        client.get_new_jobs("saf")
    assert not failed.value.perhaps_done
    assert len(service.asked) == 1


def test_an_answer_that_is_cut_off(service: Service, client: Client) -> None:
    service.answer = (200, {"Content-Length": "1000"}, [b'[{"ulid": '])
    with pytest.raises(NotReached) as failed:
        client.get_new_jobs("saf")
    assert failed.value.perhaps_done
    assert len(service.asked) == 1, "a poll is not sent twice"
    service.answers([])
    assert client.get_new_jobs("saf") == []


def test_a_slow_answer(service: Service) -> None:
    def slowly(service: Service) -> Any:
        service.go_on.wait(60)
        return 200, {}, b"[]"

    service.answer = slowly
    with pytest.raises(NotReached) as failed, Client(service.url, timeout_s=0.1) as client:
        client.get_new_jobs("saf")
    assert failed.value.perhaps_done
    assert len(service.asked) == 1


def test_a_long_poll_may_take_longer(service: Service) -> None:
    def after_a_while(service: Service) -> Any:
        service.go_on.wait(0.3)
        return 200, {}, b"[]"

    service.answer = after_a_while
    with Client(service.url, timeout_s=0.1) as client:
        assert client.get_new_jobs("saf", wait_s=5) == []


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(NotReached) as failed, Client(f"127.0.0.1:{taken.getsockname()[1]}") as client:
            client.get_new_jobs("saf")
    assert not failed.value.perhaps_done


def _hang_up(server: socket.socket) -> None:
    server.accept()[0].close()


def test_a_connection_closed_without_an_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_hang_up, args=(server,), daemon=True).start()
        with pytest.raises(NotReached) as failed, Client(f"127.0.0.1:{server.getsockname()[1]}") as client:
            client.get_new_jobs("saf")
    assert failed.value.perhaps_done


def test_parameters_that_json_cannot_hold(service: Service, client: Client) -> None:
    for value in (float("nan"), object()):
        with pytest.raises((ValueError, TypeError)):
            client.new_job("saf", "camera", "", "expose", {"time": value}, user_id="a", user_name="")
    assert service.asked == []


def test_threads_may_share_a_client(service: Service, client: Client) -> None:
    service.answers([])
    threads = [threading.Thread(target=client.get_new_jobs, args=("saf",)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(service.asked) == 20

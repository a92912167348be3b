"""A client of the jobs service for observatory programs and scripts. This file needs urllib3 only.

    client = Client("http://127.0.0.1:8642")
    for job in client.get_new_jobs("mrc1"):
        client.update_job_status("mrc1", job["ulid"], "STARTED", 30)

A call returns the answer, or raises an exception: `Refused` when the service answered with an error,
`NotReached` when the call never arrived or no answer came. The client never repeats a call: the caller decides
whether to repeat. Threads may share a client; connections stay open between calls.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import unquote, urlencode

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
from urllib3.util import Url, parse_url

Job = dict[str, Any]
Params = Mapping[str, Any]

STAGES = ("jobs", "dev", "test", "prod")
ERROR_HEADER = "X-Prjobs-Error"
SENTENCE_CHARS = 500
CONNECT_S = 5.0
STOPS = ("stop", "cancel", "cancel_all_commands")
GATEWAY_ERRORS = (502, 504)


def is_stop(job: Job) -> bool:
    """Return True if the job ends all work at its site: a stop or cancel for any device, or the script `stopScript`."""
    action, script = job["action"].lower(), str(job["required_params"].get("script"))
    return action in STOPS or (action == "run" and script.lower() == "stopscript")


class CallFailed(Exception):
    """The base of both failures, for callers who treat Refused and NotReached alike."""


class Refused(CallFailed):
    """The service answered with an error and changed nothing.

    `status` is the HTTP status, `sentence` the service's own words, `code` the slug of an error under /api/
    (else ""), `retry_after_s` the wait that the service asks for (None without such a request).
    """

    def __init__(self, status: int, sentence: str, code: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(f"{status}: {sentence}")
        self.status = status
        self.sentence = sentence
        self.code = code
        self.retry_after_s = retry_after_s


class NotReached(CallFailed):
    """No answer of the service: no connection, silence, a cut-off answer, or an answer of another server.

    `perhaps_done` is False when the request cannot have arrived, True when the service may have acted on the request.
    """

    def __init__(self, sentence: str, perhaps_done: bool) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.perhaps_done = perhaps_done


class Client:
    """The jobs service at `base_url`: with or without a stage (`/jobs`, `/dev`, …) or a final slash.

    `http://name:KEY@host/` sends name and key as Basic authentication; `token` is sent as Bearer. `timeout_s`
    is the longest silence to bear, `connections` the number to keep open. Raise ValueError for a wrong address, and for
    a token that no header can carry.
    """

    def __init__(self, base_url: str, token: str | None = None, timeout_s: float = 20.0, connections: int = 4) -> None:
        url = _parse(base_url)
        self._root = f"{url.scheme}://{url.netloc}"
        self._path = (url.path or "").rstrip("/")
        self._timeout_s = timeout_s
        self._pool = urllib3.connection_from_url(self._root, maxsize=connections)
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        self._headers |= _authorization(token, url.auth)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; later calls fail."""
        self._pool.close()

    def new_job(
        self,
        site: str,
        device: str,
        instance: str,
        action: str,
        required_params: Params | None = None,
        optional_params: Params | None = None,
        *,
        user_id: str,
        user_name: str,
        extra: Params | None = None,
    ) -> Job:
        """Submit a command and return the stored job document.

        `extra` is sent along (the service ignores unknown fields). Refused: 400 for a bad field, 401
        or 403 without the right to command, 413, 429, 503 and 507 when the service cannot store the job. ValueError,
        TypeError: parameters that JSON cannot hold.
        """
        body = dict(extra or {}) | {
            "site": site,
            "device": device,
            "instance": instance,
            "action": action,
            "required_params": dict(required_params or {}),
            "optional_params": dict(optional_params or {}),
            "user_id": user_id,
            "user_name": user_name,
        }
        return self._object("newjob", body)

    def get_new_jobs(
        self,
        site: str,
        alternate_queue: bool = False,
        wait_s: float | None = None,
        poll_id: str | None = None,
        lease_s: float | None = None,
    ) -> list[Job]:
        """Return the site's new jobs, oldest first. The jobs become RECEIVED, and are not handed out again.

        `wait_s`: the seconds to wait for a job when none is there. `poll_id`: any new text; after NotReached, the
        same text again gives the same jobs. `lease_s`: jobs without a report in `lease_s` seconds come back.
        Refused: 400, 403, or 503 while the service cannot hand out.
        """
        ours = {"wait": wait_s, "poll_id": poll_id, "lease": lease_s}
        body = {"site": site, "alternateQueue": alternate_queue or None, **ours}
        return self._list("getnewjobs", body, wait_s or 0.0)

    def update_job_status(
        self,
        site: str,
        ulid: str,
        new_status: str,
        seconds_until_complete: float | None = None,
        alternate_queue: bool = False,
        message: str | None = None,
    ) -> dict[str, Any]:
        """Report a job's status: STARTED, EXPOSING, COMPLETE, FAILED, or any word.

        `seconds_until_complete`: estimate of the seconds left, None when there is none. `message`: the reason in
        words, at most 500 characters. Returns `ulid`,
        `statusId` (`replicaStatusId` in the alternate queue) and `secondsUntilComplete` as stored. Refused:
        404 when the site has no such job, 409 when its present state does not allow it.
        """
        body = _report(site, ulid, seconds_until_complete, alternate_queue, message) | {"newStatus": new_status}
        return self._object("updatejobstatus", body)

    def start_job(
        self,
        site: str,
        ulid: str,
        seconds_until_complete: float | None = None,
        alternate_queue: bool = False,
        message: str | None = None,
    ) -> dict[str, Any]:
        """Report STARTED, as `update_job_status` does."""
        return self._object("startjob", _report(site, ulid, seconds_until_complete, alternate_queue, message))

    def get_recent_jobs(self, site: str, time_range_ms: float | None = None) -> list[Job]:
        """Return every job of the site up to this age (default: one day), oldest first, in any status."""
        return self._list("getrecentjobs", {"site": site, "timeRange": time_range_ms})

    def api(
        self,
        method: str,
        path: str,
        body: Params | None = None,
        query: Params | None = None,
        wait_s: float = 0.0,
    ) -> Any:
        """Call the appliance's own API: `api("GET", "jobs", query={"site": "saf"})` asks `/api/jobs?site=saf`.

        A path with a slash at the start is used unchanged. `wait_s`: the seconds to wait longer than usual for
        the answer. Return the decoded JSON, None for an empty answer. Refused carries the error's `code`.
        """
        asked = urlencode({key: value for key, value in (query or {}).items() if value is not None})
        where = path if path.startswith("/") else "/api/" + path.removeprefix("api/")
        target = _without_stage(self._path) + where + ("?" + asked if asked else "")
        return self._call(method, target, body, wait_s)

    def _object(self, name: str, body: Params) -> dict[str, Any]:
        answer = self._endpoint(name, body)
        if not isinstance(answer, dict):
            raise _not_ours(f"{name} answered something else than an object")
        return answer

    def _list(self, name: str, body: Params, wait_s: float = 0.0) -> list[Job]:
        answer = self._endpoint(name, body, wait_s)
        if not isinstance(answer, list):
            raise _not_ours(f"{name} answered something else than a list")
        return answer

    def _endpoint(self, name: str, body: Params, wait_s: float = 0.0) -> Any:
        filled = {key: value for key, value in body.items() if value is not None}
        return self._call("POST", f"{self._path}/{name}", filled, wait_s)

    def _call(self, method: str, target: str, body: Params | None, wait_s: float) -> Any:
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
        timeout = urllib3.Timeout(connect=min(CONNECT_S, self._timeout_s), read=self._timeout_s + wait_s)
        try:
            response = self._pool.request(
                method,
                target,
                body=content,
                headers=self._headers,
                timeout=timeout,
                retries=False,
                redirect=False,
            )
        except HTTPError as error:
            never_sent = isinstance(error, NewConnectionError | ConnectTimeoutError)
            raise NotReached(f"no answer from {self._root}: {error}", perhaps_done=not never_sent) from error
        return _answer(response)


def _parse(base_url: str) -> Url:
    text = base_url.strip()
    url = parse_url(text if "://" in text else "http://" + text)
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"not an address of a jobs service: {text}")
    return url


def _authorization(token: str | None, auth: str | None) -> dict[str, str]:
    if token is not None:
        token = token.strip()
        if not token or not token.isascii() or not token.isprintable():
            raise ValueError("a token is one line of ASCII characters")
        return {"Authorization": f"Bearer {token}"}
    if auth is None:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(unquote(auth).encode()).decode()}


def _without_stage(path: str) -> str:
    """The appliance's own API stands beside the stages, not below them."""
    above, _, last = path.rpartition("/")
    return above.rstrip("/") if last in STAGES else path


def _report(site: str, ulid: str, seconds: float | None, alternate_queue: bool, message: str | None) -> dict[str, Any]:
    report = {"site": site, "ulid": ulid, "secondsUntilComplete": -1 if seconds is None else seconds}
    return report | ({"alternateQueue": True} if alternate_queue else {}) | ({"message": message} if message else {})


def _answer(response: urllib3.BaseHTTPResponse) -> Any:
    if response.status in GATEWAY_ERRORS:
        raise NotReached(f"a gateway on the way answered {response.status}", perhaps_done=True)
    if response.status >= 400:
        raise _refusal(response)
    if response.status >= 300:
        where = response.headers.get("Location", "nowhere")
        raise NotReached(f"redirected to {where}: is the base URL right?", perhaps_done=False)
    if not response.data:
        return None
    try:
        return json.loads(response.data)
    except (ValueError, RecursionError) as error:
        raise _not_ours("the answer is not JSON") from error


def _refusal(response: urllib3.BaseHTTPResponse) -> Refused:
    sentence, code = response.headers.get(ERROR_HEADER, ""), ""
    text = response.data.decode(errors="replace")
    if not sentence:
        sentence, code = _sentence(text)
    sentence = " ".join(sentence.split())[:SENTENCE_CHARS] or response.reason or "no reason given"
    return Refused(response.status, sentence, code, _seconds(response.headers.get("Retry-After")))


def _sentence(text: str) -> tuple[str, str]:
    """Sentence and code of an error's body: a line of text, or `{"error", "code"}` under /api/."""
    try:
        error = json.loads(text)
    except (ValueError, RecursionError):
        return text, ""
    if not isinstance(error, dict):
        return text, ""
    return str(error.get("error", "")), str(error.get("code", ""))


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() else None


def _not_ours(sentence: str) -> NotReached:
    return NotReached(f"{sentence}: is this the jobs service?", perhaps_done=True)

"""The original service played under moto, so that the model of it is compared with what it really does.

`python -m tests.cloud.original FOLDER` plays the story with the original's own `src/handler.py`, `src/helpers.py` and
`src/dynamodb.py` in FOLDER (LCOGT/photonranch-jobs, which is no part of this project) and writes the answers to
`original.json`. The model is always compared with those; with PRJOBS_ORIGINAL=FOLDER they are played anew as well.
"""

import json
import os
import random
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ulid import ULID

from tests.cloud.cloud_model import CloudModel

RECORDED = Path(__file__).with_name("original.json")
FOLDER_VARIABLE = "PRJOBS_ORIGINAL"
TABLE = "photonranch-jobs-test"
START_MS = 1_700_000_000_000
HANDLERS = {
    "newjob": "newJob",
    "getnewjobs": "getNewJobs",
    "getrecentjobs": "getRecentJobs",
    "updatejobstatus": "updateJobStatus",
    "startjob": "startJob",
}
JOB = {
    "site": "saf",
    "device": "camera",
    "instance": "camera1",
    "action": "expose",
    "user_name": "Alice A.",
    "user_id": "auth0|alice",
    "required_params": {"time": "1", "deep": [1, {"a": True}], "none": None, "empty": ""},
    "optional_params": {"count": 3, "prjobs_ulid": "01HF7YAT00R84P57VFQVC2R1YD", "ü": "Grüße"},
}
DAY_MS = 86_400_000
ALL = {"site": "saf", "timeRange": DAY_MS}
# (seconds that pass before, endpoint, body). "$0" stands for the id of the first job, "$1" for that of the second …
Step = tuple[float, str, dict[str, Any]]
STORY: list[Step] = [
    (0, "getrecentjobs", ALL),
    (1, "newjob", JOB),
    (1, "newjob", {**JOB, "action": "stop", "required_params": {}}),
    (1, "getrecentjobs", ALL),
    # What is missing, and values that boto3 refuses.
    *[(0, "newjob", {key: value for key, value in JOB.items() if key != missing}) for missing in JOB],
    (0, "newjob", {**JOB, "required_params": {"image_x": 0.48}}),
    (0, "newjob", {**JOB, "optional_params": {"deep": [{"x": 1.5}]}}),
    (0, "getrecentjobs", {}),
    (0, "getrecentjobs", {"site": "saf"}),
    (0, "getrecentjobs", {"site": "saf", "timeRange": "86400000"}),
    (0, "getrecentjobs", {"site": "saf", "timeRange": 1500}),
    (0, "getrecentjobs", {"site": "saf", "timeRange": 0}),
    (0, "getrecentjobs", {"site": "nobody", "timeRange": DAY_MS}),
    # Statuses: overwritten without any check, ghosts, the ignored alternate queue.
    (1, "updatejobstatus", {"site": "saf", "ulid": "$0", "newStatus": "STARTED", "secondsUntilComplete": 5}),
    (1, "updatejobstatus", {"site": "saf", "ulid": "$0", "newStatus": "COMPLETE"}),
    (1, "updatejobstatus", {"site": "saf", "ulid": "$0", "newStatus": "STARTED", "secondsUntilComplete": 12.7}),
    (1, "updatejobstatus", {"site": "saf", "ulid": "$0", "newStatus": "STARTED", "secondsUntilComplete": "60"}),
    (1, "updatejobstatus", {"site": "saf", "ulid": "$0", "newStatus": "ODD", "alternateQueue": True}),
    (0, "getrecentjobs", ALL),
    (0, "updatejobstatus", {"site": "saf", "ulid": "$0"}),
    (0, "updatejobstatus", {"site": "saf", "newStatus": "STARTED"}),
    (0, "updatejobstatus", {"ulid": "$0", "newStatus": "STARTED"}),
    (0, "updatejobstatus", {"site": "saf", "ulid": "01HF7YBBBBBBBBBBBBBBBBBBBB", "newStatus": "STARTED"}),
    (0, "updatejobstatus", {"site": "saf", "ulid": "lower", "newStatus": "STARTED", "secondsUntilComplete": -1}),
    (0, "getrecentjobs", ALL),
    (0, "getrecentjobs", {"site": "saf", "timeRange": 0}),
    # The two queues.
    (1, "getnewjobs", {"site": "saf", "alternateQueue": True}),
    (0, "getnewjobs", {"site": "saf", "alternateQueue": True}),
    (0, "getrecentjobs", ALL),
    (1, "getnewjobs", {"site": "saf"}),
    (0, "getnewjobs", {"site": "saf"}),
    (0, "getnewjobs", {}),
    (0, "getrecentjobs", ALL),
    # A ghost that is set to UNREAD is handed out without an action.
    (0, "updatejobstatus", {"site": "saf", "ulid": "01HF7YBBBBBBBBBBBBBBBBBBBB", "newStatus": "UNREAD"}),
    (0, "getnewjobs", {"site": "saf"}),
    (1, "startjob", {"site": "saf", "ulid": "$1", "secondsUntilComplete": "60"}),
    (1, "startjob", {"site": "saf", "ulid": "$1", "alternateQueue": True}),
    (0, "startjob", {"site": "saf"}),
    (0, "getrecentjobs", ALL),
    # A cancel_all deletes what is older, history and ghosts included, and spares what sorts after it.
    (1, "newjob", {**JOB, "action": "cancel_all_commands"}),
    (1, "newjob", JOB),
    (0, "getrecentjobs", ALL),
    (0, "updatejobstatus", {"site": "saf", "ulid": "$0", "newStatus": "COMPLETE"}),
    (0, "getrecentjobs", ALL),
    # A list ends at 1 MB: the newest are the ones that are missing.
    *[(1, "newjob", {**JOB, "optional_params": {"big": "x" * 150_000}})] * 9,
    (0, "getrecentjobs", ALL),
    (0, "getnewjobs", {"site": "saf"}),
    (0, "getrecentjobs", ALL),
    (1, "newjob", {**JOB, "action": "cancel_all_commands"}),
    (0, "getrecentjobs", ALL),
]
Call = Callable[[str, dict[str, Any]], tuple[int, str]]


class Time:
    """The clock of the story."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.chance = random.Random(0)

    def new_id(self) -> str:
        """An id of this moment."""
        return str(ULID.from_int((self.now_ms << 80) | self.chance.getrandbits(80)))


def play(call: Call, clock: Time) -> list[dict[str, Any]]:
    """The answers of the story, fit to be compared: ids by their order, big texts by their length."""
    ids: list[str] = []
    said = []
    for seconds, name, body in STORY:
        clock.now_ms += int(seconds * 1000)
        text = json.dumps(body)
        for number, ulid in enumerate(ids):
            text = text.replace(f'"${number}"', f'"{ulid}"')
        status, answer = call(name, json.loads(text))
        if name == "newjob" and status == 200:
            ids.append(json.loads(answer)["ulid"])
        for number, ulid in enumerate(ids):
            answer = answer.replace(ulid, f"${number}")
        said.append({"name": name, "status": status, "body": plain(name, status, answer)})
    return said


def plain(name: str, status: int, text: str) -> Any:
    """What of an answer is a promise: not the metadata of Amazon's, and no words of an error page."""
    if status >= 500:
        return None
    if status >= 400:
        return text
    value = json.loads(text)
    if name == "newjob":
        value["table_response"] = "ResponseMetadata" in value["table_response"]
    if name in ("updatejobstatus", "startjob"):
        value = {"ResponseMetadata": {"HTTPStatusCode": value["ResponseMetadata"]["HTTPStatusCode"]}}
    return _shortened(value)


def _shortened(value: Any) -> Any:
    if isinstance(value, list):
        return [_shortened(one) for one in value]
    if isinstance(value, dict):
        return {name: _shortened(one) for name, one in value.items()}
    return f"{len(value)} characters" if isinstance(value, str) and len(value) > 1000 else value


# ---- the model


def play_model() -> list[dict[str, Any]]:
    """The same story with the model of these tests."""
    clock = Time()
    # Nine of its records fill a page here; nothing is slow or stale.
    model = CloudModel(lambda: clock.now_ms, clock.chance, page=10**9)
    model.page_bytes = 1_000_000
    model.chance = types.SimpleNamespace(choice=min, getrandbits=clock.chance.getrandbits)  # type: ignore[assignment]

    def call(name: str, body: dict[str, Any]) -> tuple[int, str]:
        answer = model.call(name, body)
        return answer.status, answer.body.decode()

    return play(call, clock)


# ---- the original


def play_original(folder: Path) -> list[dict[str, Any]]:
    """The same story with the original's handler, in this process; nothing of it reaches the net."""
    import boto3
    from moto import mock_aws

    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    clock = Time()
    stand_ins = {
        "ulid": types.SimpleNamespace(new=lambda: _Id(clock.new_id()), from_timestamp=_id_at),
        "src.authorizer": types.SimpleNamespace(calendar_blocks_user_commands=lambda *_: False),
    }
    with mock_aws(), patch.dict(os.environ, {**keys, "DYNAMODB_JOBS": TABLE}), patch.dict(sys.modules, stand_ins):
        _create_table(boto3.client("dynamodb"))
        with patch.object(sys, "path", [str(folder), *sys.path]), patch("builtins.print"):
            from src import handler  # type: ignore[import-not-found]

            def call(name: str, body: dict[str, Any]) -> tuple[int, str]:
                event = {"body": json.dumps(body), "requestContext": {"authorizer": {"userRoles": '["observer"]'}}}
                try:
                    with patch.object(time, "time", lambda: clock.now_ms / 1000):
                        answer = getattr(handler, HANDLERS[name])(event, None)
                except Exception:
                    # The gateway's answer when a function raises.
                    return 502, '{"message": "Internal server error"}'
                return int(answer["statusCode"]), answer["body"]

            return play(call, clock)


class _Id:
    """What the original's library for ids gives it."""

    def __init__(self, text: str) -> None:
        self.str = text

    def timestamp(self) -> Any:
        return types.SimpleNamespace(int=ULID.from_str(self.str).milliseconds)


def _id_at(seconds: float) -> _Id:
    return _Id(str(ULID.from_int(int(seconds * 1000) << 80)))


def _create_table(client: Any) -> None:
    """The table as its deployment describes it."""

    def key(name: str) -> list[dict[str, str]]:
        return [{"AttributeName": "site", "KeyType": "HASH"}, {"AttributeName": name, "KeyType": "RANGE"}]

    indexes = {"StatusId": "statusId", "ReplicaReadStatus": "replicaStatusId"}
    client.create_table(
        TableName=TABLE,
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("site", "ulid", *indexes.values())
        ],
        KeySchema=key("ulid"),
        GlobalSecondaryIndexes=[
            {"IndexName": index, "KeySchema": key(name), "Projection": {"ProjectionType": "ALL"}}
            for index, name in indexes.items()
        ],
        BillingMode="PAY_PER_REQUEST",
    )


if __name__ == "__main__":
    RECORDED.write_text(json.dumps(play_original(Path(sys.argv[1])), indent=1, ensure_ascii=False) + "\n")
    print(f"{len(STORY)} answers written to {RECORDED}")

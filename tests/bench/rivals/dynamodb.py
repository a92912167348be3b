"""The table calls of the original service, on moto's DynamoDB emulator. It keeps everything in memory: not durable."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from tests.bench.rivals.programs import free_port, running

WHAT = "DynamoDB calls on moto (in memory)"
INSTALL = "pip install 'moto[server]' boto3"


def missing() -> str | None:
    """What is not installed."""
    return next((name for name in ("moto", "flask", "boto3") if not importlib.util.find_spec(name)), None)


@contextmanager
def cycle() -> Iterator[Callable[[], object]]:
    """put_item, query of the index for UNREAD, three update_item."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, port):
        table = _create_table(port)
        numbers = count()
        yield lambda: _work(table, f"{next(numbers):026d}")


def _create_table(port: int) -> Any:
    import boto3

    key = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "none")
    service = boto3.resource("dynamodb", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", **key)
    hash_key = {"AttributeName": "site", "KeyType": "HASH"}
    return service.create_table(
        TableName="jobs",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("site", "ulid", "statusId")],
        KeySchema=[hash_key, {"AttributeName": "ulid", "KeyType": "RANGE"}],
        LocalSecondaryIndexes=[
            {
                "IndexName": "StatusId",
                "KeySchema": [hash_key, {"AttributeName": "statusId", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )


def _work(table: Any, ulid: str) -> None:
    from boto3.dynamodb.conditions import Key

    table.put_item(Item={"site": "saf", "ulid": ulid, "statusId": f"UNREAD#{ulid}", "action": "expose"})
    unread = Key("site").eq("saf") & Key("statusId").begins_with("UNREAD")
    for job in table.query(IndexName="StatusId", KeyConditionExpression=unread)["Items"]:
        for status in ("RECEIVED", "STARTED", "COMPLETE"):
            table.update_item(
                Key={"site": "saf", "ulid": job["ulid"]},
                UpdateExpression="SET statusId = :status",
                ExpressionAttributeValues={":status": f"{status}#{job['ulid']}"},
            )

"""The table calls of the original's handlers behind the bare echo: put_item, query of the index, update_item."""

import sys
import time
from threading import local
from typing import Any

import boto3
from boto3.dynamodb.conditions import Key

from tests.bench.rivals.apps import bare

TABLE = "photonranch-jobs"
INDEXES = {"StatusId": "statusId", "ReplicaReadStatus": "replicaStatusId"}


class Queue:
    """The table. boto3's resources are not for several threads, so each thread has its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._local = local()
        if not list(self._resource().tables.all()):
            create_table(self._resource())

    def submit(self, job: bare.Document) -> None:
        """Put an item, as newJob does."""
        status, names = job["statusId"], ("site", "ulid", "statusId", "user_name", "user_id", "action")
        item = {**{name: job[name] for name in names}, "replicaStatusId": status, "user_roles": "[]"}
        item |= {"timestamp_ms": time.time_ns() // 1_000_000, "deviceType": job["device"]}
        item |= {"deviceInstance": job["instance"], "required_params": job["required_params"]}
        self._table().put_item(Item={**item, "optional_params": job["optional_params"]})

    def take(self, site: str) -> list[bare.Document]:
        """Query the index for UNREAD and update each item, as getNewJobs does."""
        unread = Key("site").eq(site) & Key("statusId").begins_with("UNREAD")
        jobs = self._table().query(IndexName="StatusId", KeyConditionExpression=unread)["Items"]
        for job in jobs:
            self._update(site, job["ulid"], "set statusId = :s", {":s": f"RECEIVED#{job['ulid']}"})
        return jobs

    def report(self, ulid: str, report: bare.Document) -> None:
        """Update the item, as updateJobStatus does."""
        values = {":s": f"{report['newStatus']}#{ulid}", ":n": report["secondsUntilComplete"]}
        self._update(report["site"], ulid, "set statusId = :s, secondsUntilComplete = :n", values)

    def stored(self) -> dict[str, list[str]]:
        """Scan the table: the original keeps the last status of a job alone."""
        pages = self._table().meta.client.get_paginator("scan").paginate(TableName=TABLE)
        items = [item for page in pages for item in page["Items"]]
        return {item["ulid"]: [item["statusId"].split("#")[0]] for item in items}

    def _update(self, site: str, ulid: str, expression: str, values: dict[str, Any]) -> None:
        self._table().update_item(
            Key={"site": site, "ulid": ulid}, UpdateExpression=expression, ExpressionAttributeValues=values
        )

    def _table(self) -> Any:
        if not hasattr(self._local, "table"):
            self._local.table = self._resource().Table(TABLE)
        return self._local.table

    def _resource(self) -> Any:
        key = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "none")
        url = f"http://127.0.0.1:{self._port}"
        return boto3.session.Session().resource("dynamodb", endpoint_url=url, region_name="us-east-1", **key)


def create_table(service: Any) -> None:
    """Create the table as the original's deployment describes it."""

    def keys(name: str) -> list[dict[str, str]]:
        return [{"AttributeName": "site", "KeyType": "HASH"}, {"AttributeName": name, "KeyType": "RANGE"}]

    names = ("site", "ulid", *INDEXES.values())
    service.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=keys("ulid"),
        GlobalSecondaryIndexes=[
            {"IndexName": index, "KeySchema": keys(name), "Projection": {"ProjectionType": "ALL"}}
            for index, name in INDEXES.items()
        ],
    )


if __name__ == "__main__":
    bare.serve(Queue(int(sys.argv[3])), int(sys.argv[1]))

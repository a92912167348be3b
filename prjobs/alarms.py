"""Alarms that somebody has seen, so that all pages fall silent together. What an alarm is, the page decides."""

from typing import Any

import msgspec

from prjobs.appliance import Appliance
from prjobs.audit import By
from prjobs.database import Transaction

KEEP_MS = 86_400_000
LIMIT = 500
_PREFIX = "ack:"


def acknowledge(appliance: Appliance, key: str, actor: By) -> None:
    """The actor has seen the alarm; remembered for a day, at most 500 of them."""
    appliance.database.write(_acknowledge, key, actor.who, appliance.clock.now_ms())


def _acknowledge(transaction: Transaction, key: str, who: str, now_ms: int) -> None:
    for name, value in transaction.fetch("SELECT name, value FROM fact WHERE name LIKE 'ack:%'"):
        if msgspec.json.decode(value)["time_ms"] < now_ms - KEEP_MS:
            transaction.execute("DELETE FROM fact WHERE name = ?", (name,))
    _forget(transaction, key)
    if transaction.fetch("SELECT count(*) FROM fact WHERE name LIKE 'ack:%'")[0][0] < LIMIT:
        value = msgspec.json.encode({"who": who, "time_ms": now_ms}).decode()
        transaction.execute("INSERT INTO fact (name, value) VALUES (?, ?)", (_PREFIX + key, value))


def forget(appliance: Appliance, key: str) -> None:
    """The alarm is to be heard again."""
    appliance.database.write(_forget, key)


def _forget(transaction: Transaction, key: str) -> None:
    transaction.execute("DELETE FROM fact WHERE name = ?", (_PREFIX + key,))


def list_acks(appliance: Appliance) -> dict[str, Any]:
    """Key -> who saw it and when, of the last day."""
    since_ms = appliance.clock.now_ms() - KEEP_MS
    found = appliance.database.fetch("SELECT name, value FROM fact WHERE name LIKE 'ack:%'")
    acks = {name.removeprefix(_PREFIX): msgspec.json.decode(value) for name, value in found}
    return {key: ack for key, ack in acks.items() if ack["time_ms"] >= since_ms}

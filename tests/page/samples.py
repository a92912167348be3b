"""Jobs, sites and changes as the server sends them, for tests of what the page makes of them."""

from datetime import UTC, datetime
from typing import Any

MINUTE = 60_000
HOUR = 60 * MINUTE
NOW = 1_795_500_000_000  # 2026-11-24 06:00:00 UTC


def ms(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp() * 1000)


def job(**parts: Any) -> dict[str, Any]:
    return {
        "ulid": "01KB0000000000000000000001",
        "site": "saf",
        "device": "camera",
        "instance": "camera1",
        "action": "expose",
        "label": "Expose 60 s",
        "command_class": "exposure",
        "user_id": "auth0|alice",
        "user_name": "Alice A.",
        "created_ms": NOW,
        "changed_ms": NOW,
        "status": "UNREAD",
        "estimate_s": None,
        "phase": "waiting",
        "picked_up_ms": None,
        "started_ms": None,
        "ended_ms": None,
        **parts,
    }


def running(**parts: Any) -> dict[str, Any]:
    return job(status="EXPOSING", phase="running", **parts)


def picked_up(**parts: Any) -> dict[str, Any]:
    return job(status="RECEIVED", phase="picked_up", **parts)


def done(**parts: Any) -> dict[str, Any]:
    return job(status="COMPLETE", phase="done", **parts)


def site(**parts: Any) -> dict[str, Any]:
    return {"site": "saf", "last_poll_ms": NOW - 3000, "silent_after_ms": 60_000, "counts": {}, "open": [], **parts}


def change(seq: int, **parts: Any) -> dict[str, Any]:
    which = job(**parts)
    queue = parts.get("queue", "primary")
    return {
        "seq": seq,
        "time_ms": NOW + seq,
        "queue": queue,
        "status": which["status"],
        "phase": which["phase"],
        "estimate_s": None,
        "who": "x",
        "note": "",
        "job": which,
    }


def changes(*rows: dict[str, Any], more: bool = False, seq: int | None = None) -> tuple[str, dict[str, Any]]:
    last = rows[-1]["seq"] if rows else 0
    return "applyChanges", {"seq": seq if seq is not None else last, "changes": list(rows), "more": more, "again_s": 0}


def now(seq: int, *sites: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "applyNow", {"time_ms": NOW, "version": "1", "seq": seq, "demo": False, "user": None, "sites": list(sites)}


def ulid(number: int) -> str:
    return f"01KB{number:022d}"

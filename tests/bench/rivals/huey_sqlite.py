"""huey on SQLite with fsync, inside one process: no HTTP, so its cycle is cheaper than any service's."""

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.bench.processes import scratch

WHAT = "huey on SQLite (in process)"
INSTALL = "pip install huey"


def missing() -> str | None:
    """What is not installed."""
    return None if importlib.util.find_spec("huey") else "huey"


@contextmanager
def cycle() -> Iterator[Callable[[], object]]:
    """Enqueue a task, take it, store a result twice."""
    from huey import SqliteHuey

    with scratch() as folder:
        queue = SqliteHuey(filename=str(folder / "huey.sqlite3"), fsync=True)
        expose = queue.task()(lambda **_params: None)
        yield lambda: _work(queue, expose)
        queue.storage.close()


def _work(queue: Any, task: Any) -> None:
    queue.enqueue(task.s(site="saf", action="expose", time="1", image_type="light"))
    taken = queue.dequeue()
    for status in ("STARTED", "COMPLETE"):
        queue.put(taken.id, status)

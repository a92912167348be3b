"""The bare WSGI echo, with a queue behind it: waitress and Bottle at their defaults, JSON in and out, no checks."""

import json
import logging
from typing import Any, Protocol

import bottle
import waitress
from ulid import ULID

Document = dict[str, Any]


class Queue(Protocol):
    """What a rival does with jobs. Each verb is durable when it returns."""

    def submit(self, job: Document) -> None:
        """Store a job, UNREAD."""

    def take(self, site: str) -> list[Document]:
        """Take what waits for the site."""

    def report(self, ulid: str, report: Document) -> None:
        """Store a report on a job."""

    def stored(self) -> dict[str, list[str]]:
        """Read the statuses of each job back from the store, in their order."""


def serve(queue: Queue, port: int) -> None:
    """Serve the queue until the process is ended."""
    logging.disable()
    waitress.serve(build_app(queue), host="127.0.0.1", port=port)


def build_app(queue: Queue) -> bottle.Bottle:
    """Return the application: three calls with the names and bodies of the wire contract, and the store's content."""
    app = bottle.Bottle()

    @app.post("/newjob")
    def newjob() -> Document:
        job = {**_body(), "ulid": str(ULID())}
        job["statusId"] = f"UNREAD#{job['ulid']}"
        queue.submit(job)
        return job

    @app.post("/getnewjobs")
    def getnewjobs() -> str:
        bottle.response.content_type = "application/json"
        # boto3 gives Decimals.
        return json.dumps(queue.take(_body()["site"]), default=int)

    @app.post("/updatejobstatus")
    def updatejobstatus() -> Document:
        report = _body()
        queue.report(report["ulid"], report)
        return {"ulid": report["ulid"], "statusId": f"{report['newStatus']}#{report['ulid']}"}

    @app.get("/stored")
    def stored() -> dict[str, list[str]]:
        return queue.stored()

    return app


def _body() -> Document:
    return json.loads(bottle.request.body.read())

"""The web part of the two FastAPI services: typed bodies, routes, uvicorn with uvloop and httptools, one process."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import orjson
import uvicorn
from fastapi import FastAPI, HTTPException, Response
from pydantic import BaseModel, Field
from ulid import ULID


class Job(BaseModel):
    """The body of newjob."""

    site: str = Field(min_length=1, max_length=64)
    device: str = Field(min_length=1, max_length=64)
    instance: str = Field(max_length=64)
    action: str = Field(min_length=1, max_length=64)
    user_name: str = Field(max_length=128)
    user_id: str = Field(min_length=1, max_length=128)
    required_params: dict[str, Any]
    optional_params: dict[str, Any]


class Poll(BaseModel):
    """The body of getnewjobs."""

    site: str


class Report(BaseModel):
    """The body of updatejobstatus."""

    site: str
    ulid: str
    newStatus: str = Field(min_length=1, max_length=64)
    secondsUntilComplete: int = -1


class Store(Protocol):
    """Where the jobs are. Each verb is durable when it returns."""

    async def submit(self, ulid: str, site: str, document: str) -> None:
        """Insert a job."""

    async def take(self, site: str) -> list[str]:
        """Take what waits for the site; the jobs as JSON."""

    async def report(self, report: Report) -> bool:
        """Store a report. Return False if there is no such job."""

    async def stored(self) -> dict[str, list[str]]:
        """Read the statuses of each job back."""


Opening = Callable[[], AbstractAsyncContextManager[Store]]


def serve(opening: Opening, port: int) -> None:
    """Serve until the process is ended."""
    uvicorn.run(build_app(opening), host="127.0.0.1", port=port, log_level="warning", access_log=False)


def build_app(opening: Opening) -> FastAPI:
    """Return the application on the store that `opening` opens at its start."""
    stores: list[Store] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with opening() as store:
            stores.append(store)
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/newjob")
    async def newjob(job: Job) -> Response:
        ulid = str(ULID())
        document = orjson.dumps({**job.model_dump(), "ulid": ulid, "statusId": f"UNREAD#{ulid}"})
        await stores[0].submit(ulid, job.site, document.decode())
        return _json(document)

    @app.post("/getnewjobs")
    async def getnewjobs(poll: Poll) -> Response:
        return _json(f"[{','.join(await stores[0].take(poll.site))}]")

    @app.post("/updatejobstatus")
    async def updatejobstatus(report: Report) -> Response:
        if not await stores[0].report(report):
            raise HTTPException(404, "no such job")
        answer = {"ulid": report.ulid, "statusId": f"{report.newStatus}#{report.ulid}"}
        return _json(orjson.dumps({**answer, "secondsUntilComplete": report.secondsUntilComplete}))

    @app.get("/stored")
    async def stored() -> Response:
        return _json(orjson.dumps(await stores[0].stored()))

    return app


def _json(content: str | bytes) -> Response:
    return Response(content, media_type="application/json")

"""A site with a real link to a fake cloud, and the way between them, which a test can spoil."""

from pathlib import Path
from typing import Any

from tests.cloud.campaign import QuickProgram
from tests.cloud.cloud_model import SITE
from tests.cloud.fake_cloud import FakeCloud
from tests.cloud.fault_proxy import FaultProxy
from tests.page.watching import Observatory
from tests.waiting import wait_for


class ImpatientProgram(QuickProgram):
    """Says soon that the cloud is down."""

    module = "tests.page.impatient_program"


class Link:
    """A site with its cloud, and the way between them."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.cloud = FakeCloud()
        self.way = FaultProxy(self.cloud.url).start()
        self.program = ImpatientProgram(folder, self.way.url)
        self.program.serve(*flags)
        self.observatory = Observatory(self.program, SITE)
        # What the cloud answers to a status of these jobs.
        self.answers: dict[str, int] = {}
        call = self.cloud.model.call

        def judge(name: str, body: dict[str, Any]) -> Any:
            if name == "updatejobstatus" and body["ulid"] in self.answers:
                return self.cloud.model.answer(b'{"message": "no"}', self.answers[body["ulid"]])
            return call(name, body)

        self.cloud.model.call = judge  # type: ignore[method-assign]

    def take(self, count: int = 1) -> list[str]:
        """Jobs of the cloud, handed out at the site; their ids."""
        wanted = set(self.cloud.add(count))
        taken: set[str] = set()
        while not wanted <= taken:
            taken |= {job["ulid"] for job in self.observatory.fetch()}
        for ulid in wanted:
            self.wait_for(ulid, "RECEIVED")
        return sorted(wanted)

    def wait_for(self, ulid: str, status: str) -> None:
        """Wait until the cloud has this status of a job."""
        wait_for(lambda: self.cloud.statuses().get(ulid) == status)

    def close(self) -> None:
        self.program.kill()
        self.way.stop()
        self.cloud.stop()

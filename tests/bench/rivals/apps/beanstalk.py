"""beanstalkd behind the bare echo. A taken job is buried, since a reservation is not in beanstalkd's log on disk."""

import json
import socket
import sys
from threading import local

from tests.bench.rivals.apps import bare

REPORTS = "reports"


class Talk:
    """One connection to beanstalkd."""

    def __init__(self, port: int, tube: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        self.say(f"use {tube}", "USING")
        if tube != REPORTS:
            self.say(f"watch {tube}", "WATCHING")
            self.say("ignore default", "WATCHING")

    def put(self, document: bare.Document) -> None:
        """Put a job into the tube."""
        body = json.dumps(document)
        self.say(f"put 0 0 600 {len(body)}\r\n{body}", "INSERTED")

    def say(self, words: str, *expected: str) -> list[str]:
        """Send a command; the words of the answer's first line."""
        self._socket.sendall(f"{words}\r\n".encode())
        answer = self._file.readline().decode().split()
        if answer[0] not in expected:
            raise RuntimeError(f"beanstalkd answered {answer} to {words[:40]!r}")
        return answer

    def body(self, size: str) -> bytes:
        """Read the body that follows a first line."""
        return self._file.read(int(size) + 2)[:-2]


class Queue:
    """A tube for each site, and one for the reports; each thread has its own connections."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._local = local()

    def submit(self, job: bare.Document) -> None:
        """Put a job."""
        self._talk(job["site"]).put(job)

    def take(self, site: str) -> list[bare.Document]:
        """Reserve and bury one job."""
        talk = self._talk(site)
        answer = talk.say("reserve-with-timeout 0", "RESERVED", "TIMED_OUT")
        if answer[0] == "TIMED_OUT":
            return []
        job = json.loads(talk.body(answer[2]))
        talk.say(f"bury {answer[1]} 0", "BURIED")
        return [job]

    def report(self, ulid: str, report: bare.Document) -> None:
        """Put a report."""
        self._talk(REPORTS).put(report)

    def stored(self) -> dict[str, list[str]]:
        """Peek at all jobs, with their state, and at all reports."""
        talk, found, number = Talk(self._port, REPORTS), dict[str, list[str]](), 1
        while (answer := talk.say(f"peek {number}", "FOUND", "NOT_FOUND"))[0] == "FOUND":
            document = json.loads(talk.body(answer[2]))
            size = talk.say(f"stats-job {number}", "OK")[1]
            buried = b"\nstate: buried\n" in talk.body(size)
            found.setdefault(document["ulid"], []).append(
                document.get("newStatus") or ("RECEIVED" if buried else "UNREAD")
            )
            number += 1
        return found

    def _talk(self, tube: str) -> Talk:
        talks = vars(self._local)
        if tube not in talks:
            talks[tube] = Talk(self._port, tube)
        return talks[tube]


if __name__ == "__main__":
    bare.serve(Queue(int(sys.argv[3])), int(sys.argv[1]))

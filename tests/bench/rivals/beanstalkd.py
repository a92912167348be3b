"""beanstalkd, a work queue in C, with its log on disk."""

from pathlib import Path

from tests.bench.rivals.programs import find_program, free_port
from tests.bench.rivals.rival import Rival


class Beanstalkd(Rival):
    """`-f 0`: a sync for each write of the log."""

    name = "beanstalkd behind the echo"
    calls = "put; reserve + bury; put into a tube for reports twice"
    packages = ("bottle", "waitress", "python-ulid")
    debian = {"beanstalkd": "beanstalkd"}
    keeps = ("RECEIVED", "STARTED", "COMPLETE")

    def start(self, folder: Path) -> None:
        """Start beanstalkd, and the echo before it."""
        log, broker, self.port = folder / "log", free_port(), free_port()
        log.mkdir(exist_ok=True)
        program = find_program("beanstalkd")
        assert program is not None
        self.programs.start([program, "-l", "127.0.0.1", "-p", str(broker), "-b", str(log), "-f", "0"], broker)
        self.programs.start_app("beanstalk", self.port, folder, broker)

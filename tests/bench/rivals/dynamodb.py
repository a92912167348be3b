"""The original: the table calls of its handlers, on moto's DynamoDB emulator."""

from pathlib import Path

from tests.bench.rivals.programs import free_port, rivals_python
from tests.bench.rivals.rival import Rival


class DynamoDB(Rival):
    """moto keeps everything in memory, so it is not durable, which makes it cheaper than it may be."""

    name = "the original's table calls on moto (in memory)"
    calls = "put_item; query of the index + update_item; update_item twice"
    packages = ("moto", "flask", "boto3", "bottle", "waitress", "python-ulid")
    keeps = ("COMPLETE",)
    durable = False

    def start(self, folder: Path) -> None:
        """Start the emulator, and the echo before it."""
        emulator, self.port = free_port(), free_port()
        command = [str(rivals_python()), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(emulator)]
        self.programs.start(command, emulator)
        self.programs.start_app("dynamo", self.port, folder, emulator)

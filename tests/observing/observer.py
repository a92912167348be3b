"""`prjobs observe` as a process, which can be killed."""

import subprocess
import sys
from pathlib import Path

from tests.program import ask_to_stop

PLACE = "\n[site]\nlatitude_deg = 34.459\nlongitude_deg = -119.681\n"


def with_devices(names: dict[str, str]) -> str:
    """Return an observe.toml with the devices."""
    return "[devices]\n" + "".join(f'{kind} = "{name}"\n' for kind, name in names.items()) + PLACE


class Observer:
    """The program of site saf. `server`: the flag and address of the devices' server; `text`: the observe.toml."""

    def __init__(self, home: Path, url: str, server: tuple[str, str], text: str) -> None:
        self.images = home / "images"
        file = home / "observe.toml"
        file.write_text(text, encoding="utf-8")
        self._command = [sys.executable, "-m", "prjobs", "observe", *server, "--site", "saf", "--url", url]
        self._command += ["--config", str(file), "--images", str(self.images), "--data", str(home / "data")]
        self._log = home / "observe.log"
        self.start()

    def start(self) -> None:
        """Start the program, and wait until it observes."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=log, encoding="utf-8")
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("observing saf"), self._log.read_text()

    def kill(self) -> None:
        """kill -9, as a power cut does to a process."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask the program to stop; its exit code."""
        ask_to_stop(self._process)
        return self._process.wait(60)

"""The services of systemd: of the machine, or of a user (`--user`)."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prjobs.base.errors import Unusable
from prjobs.base.files import write_whole
from prjobs.base.settings import Settings
from prjobs.service.accounts import as_account, name_of_self
from prjobs.service.installed import NAME, PRIVILEGED, Installed, State
from prjobs.service.units import Launch, folder_in, program_in, socket_unit, unit, user_in

SERVICE, SOCKET = f"{NAME}.service", f"{NAME}.socket"
SYSTEM_FOLDER = Path("/etc/systemd/system")
# systemd waits for the process for 20 s (TimeoutStopSec), and for the one before.
COMMAND_S = 90.0
CHECK_S = 60.0
STATES = {"active": State.RUNNING, "activating": State.STARTING, "deactivating": State.STOPPING, "failed": State.FAILED}


def user_folder() -> Path:
    """Return the folder of the units of the user's own systemd."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"


@dataclass(frozen=True)
class Systemd:
    """The control of the service of the machine, or of the user."""

    is_user: bool = False
    behind: str = ""

    @property
    def program(self) -> str:
        """The words of a terminal for prjobs, as root for the service of the machine."""
        return NAME if self.is_user else PRIVILEGED

    @property
    def journal(self) -> str:
        """The command for the messages of the service in the journal."""
        return f"`journalctl {'--user ' if self.is_user else ''}-u {NAME}`"

    @property
    def units(self) -> Path:
        """The folder of the unit files."""
        return user_folder() if self.is_user else SYSTEM_FOLDER

    def require_right(self) -> None:
        """Raise Unusable without root's rights, or for root's own systemd, or where systemd does not run."""
        if not self.is_user and os.geteuid():
            raise Unusable(
                f'Only root may do that: put `sudo` in front, as in `sudo "{_own_path()}" service status`. With --user '
                "the service is yours alone, and needs no root."
            )
        if not Path("/run/systemd/system").is_dir():
            raise Unusable(
                "systemd does not run on this machine, so no service can be installed or controlled. `prjobs serve` "
                "runs prjobs without a service; `prjobs service show` prints the unit for another machine."
            )
        if self.is_user and self._run("show-environment").returncode:
            raise Unusable(
                "Your own systemd cannot be reached: log in as the user (not by sudo or su), then try again. Without "
                "--user the service is the machine's."
            )

    def installed(self) -> Installed | None:
        """Return the service of the unit file; None without a file."""
        path = self.units / SERVICE
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unusable(f"{path} cannot be read: {error.strerror}.") from None
        shown = self._shown()
        state = STATES.get(shown.get("ActiveState", ""), State.STOPPED)
        if shown.get("SubState") == "auto-restart":
            state = State.FAILED
        return Installed(
            where=str(path),
            folder=folder_in(text),
            account=user_in(text) or name_of_self(),
            state=state,
            pid=int(shown.get("MainPID") or 0),
            faults=list(self._faults(text, shown)),
        )

    def _shown(self) -> dict[str, str]:
        shown = self._run("show", SERVICE, "--property=ActiveState,SubState,MainPID,Result")
        return dict(line.split("=", 1) for line in shown.stdout.splitlines() if "=" in line)

    def _faults(self, text: str, shown: dict[str, str]) -> Iterator[str]:
        if not Path(program := program_in(text)).exists():
            yield f"{program} is missing, which the unit starts: run `{self.program} service install` again."
        account = user_in(text)
        if account and not _is_known(account):
            yield f"The user {account} of the unit does not exist: install the service again with --as NAME."
        if not shown:
            yield "systemd does not run, or cannot be asked."
        elif self._run("is-enabled", SERVICE).stdout.strip() not in ("enabled", "static"):
            yield f"The service is disabled: `{self.program} service install` enables the service."
        if self.is_user and not Path("/var/lib/systemd/linger", name_of_self()).exists():
            yield (
                f"The service starts with the user's login: `sudo loginctl enable-linger {name_of_self()}` lets the "
                "service start with the machine."
            )

    def check(self, launch: Launch) -> None:
        """Raise Unusable if the account cannot run prjobs on the folder. Make the folder if missing."""
        words = [sys.executable, "-P", "-m", "prjobs.service.preflight", str(launch.folder)]
        who = launch.account or name_of_self()
        try:
            done = subprocess.run(
                words, **as_account(launch.account), capture_output=True, encoding="utf-8", timeout=CHECK_S, check=False
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise Unusable(
                f"The user {who} may not run {sys.executable} ({getattr(error, 'strerror', error)}): install Python "
                "and prjobs where all users may read them, or choose another user by --as NAME."
            ) from None
        if done.returncode:
            raise Unusable(f"As the user {who}: {(done.stderr.strip() or 'prjobs does not run').splitlines()[-1]}")

    def is_same(self, launch: Launch, settings: Settings) -> bool:
        """Return True if an install would change no unit."""
        return (self._text(SERVICE), self._text(SOCKET)) == (
            unit(launch.with_folders_of(settings)),
            socket_unit(settings),
        )

    def put(self, launch: Launch, settings: Settings) -> Callable[[], None]:
        """Write and enable the units. Return an act to put the units from before back."""
        wanted: dict[str, str | None] = {
            SERVICE: unit(launch.with_folders_of(settings)),
            SOCKET: socket_unit(settings),
        }
        before = {name: self._text(name) for name in wanted}
        take_back = partial(self._put, before)
        try:
            self._put(wanted)
        except Unusable:
            with suppress(Unusable):
                take_back()
            raise
        return take_back

    def _text(self, name: str) -> str | None:
        path = self.units / name
        return path.read_text(encoding="utf-8") if path.exists() else None

    def _put(self, texts: dict[str, str | None]) -> None:
        """Write the texts as units, and remove the units without a text."""
        gone = [name for name, text in texts.items() if text is None and self._text(name) is not None]
        if gone:
            self._run("disable", *gone)
        try:
            self.units.mkdir(parents=True, exist_ok=True)
            for name, text in texts.items():
                path = self.units / name
                if text is None:
                    path.unlink(missing_ok=True)
                else:
                    write_whole(path, text)
                    path.chmod(0o644)
        except OSError as error:
            raise Unusable(f"{self.units}: cannot write the units: {error.strerror}.") from None
        self._ask("daemon-reload")
        if there := [name for name, text in texts.items() if text is not None]:
            self._ask("enable", *there)

    def start(self) -> None:
        """Start the sockets and the service."""
        self._ask("start", SOCKET, SERVICE)

    def stop(self) -> None:
        """Stop the sockets and the service. Raise Unusable if the process had to be killed."""
        was_up = self._shown().get("ActiveState") in ("active", "deactivating")
        # With the socket alone the next poll would start the service again.
        self._ask("stop", *(name for name in (SOCKET, SERVICE) if (self.units / name).exists()))
        # Of a service that failed before, systemd still tells the old result.
        if was_up and (result := self._shown().get("Result", "success")) != "success":
            raise Unusable(f"The service did not end well ({result}): the next start checks the store.")

    def remove(self) -> None:
        """Disable the units and remove the files."""
        self._put({SERVICE: None, SOCKET: None})
        self._run("reset-failed", SERVICE, SOCKET)

    def _ask(self, *words: str) -> None:
        """Run systemctl. Raise Unusable with the reason if systemctl fails."""
        done = self._run(*words)
        if done.returncode:
            reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[0]
            raise Unusable(f"`systemctl {' '.join(words)}` failed: {reason}")

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        scope = ["--user"] if self.is_user else []
        command = ["systemctl", *scope, "--no-pager", "--no-ask-password", *words]
        try:
            return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=COMMAND_S, check=False)
        except (OSError, subprocess.SubprocessError) as error:
            return subprocess.CompletedProcess(command, 1, "", str(error))


def _own_path() -> str:
    """Return the path of the command: the PATH of root may lack the folder."""
    return next((found for name in (sys.argv[0], NAME) if (found := shutil.which(name)) and NAME in found), NAME)


def _is_known(account: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(account)
    except KeyError:
        return False
    return True

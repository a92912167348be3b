"""The service of Windows: a process under the service control manager, with an account of the service alone."""

import ctypes
import hashlib
import site
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ctypes import wintypes
from functools import partial
from pathlib import Path

import prjobs
from prjobs.base import private
from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.base.settings_sources import load_settings
from prjobs.service import scm
from prjobs.service.installed import NAME, Installed, State
from prjobs.service.preflight import check_folder
from prjobs.service.units import Launch

SHOWN_NAME = "prjobs"
DESCRIPTION = "The jobs service of this observatory."
# An account that Windows makes for the service alone, without a password: https://learn.microsoft.com/windows-server/
# identity/ad-ds/manage/understand-service-accounts
ACCOUNT = f"NT SERVICE\\{NAME}"
ENTRY = Path(prjobs.__file__).parent / "cli" / "windows_service.py"
STATES = {
    scm.SERVICE_STOPPED: State.STOPPED,
    scm.SERVICE_START_PENDING: State.STARTING,
    scm.SERVICE_STOP_PENDING: State.STOPPING,
    scm.SERVICE_RUNNING: State.RUNNING,
}
RESTARTS_MS = (2_000, 10_000, 60_000)
RESET_S = 86_400
PRESHUTDOWN_MS = 20_000
STOP_S = 60.0
ENDED_MS = 10_000
STEP_S = 0.2


def service_sid(name: str = NAME) -> str:
    """Return the security identifier of the account of a service, made from the service's name as Windows does."""
    digest = hashlib.sha1(name.upper().encode("utf-16-le")).digest()
    numbers = (int.from_bytes(digest[at : at + 4], "little") for at in range(0, 20, 4))
    return f"S-1-5-80-{'-'.join(str(number) for number in numbers)}"


# The accounts of the system, with the security identifiers of those that need a right to the data folder.
SIDS = {
    ACCOUNT: service_sid(),
    "NT AUTHORITY\\LocalService": "S-1-5-19",
    "NT AUTHORITY\\NetworkService": "S-1-5-20",
    "LocalSystem": "",
}


def account_named(name: str) -> str:
    """Return an account of the system by name, in any letters; an empty name is the account of the service alone.

    Raise Unusable for an account of a person: Windows would need the password, and lose it at the next change.
    """
    names = {one.rpartition("\\")[2].lower(): one for one in SIDS}
    known = names.get(name.rpartition("\\")[2].lower()) if name else ACCOUNT
    if known is None:
        accounts = ", ".join(one.rpartition("\\")[2] for one in SIDS if one != ACCOUNT)
        raise Unusable(
            f"{name} is not one of {accounts}. A service runs as a person only with the password: use the task of "
            "`prjobs service show` instead."
        )
    return known


def base_python() -> Path:
    """Return the interpreter itself.

    python.exe of a virtual environment only starts the interpreter as a child, unknown to the manager of services.
    """
    return Path(getattr(sys, "_base_executable", None) or sys.executable)


def words_of(folder: Path) -> list[str]:
    """Return the command of the service, with the folders of the packages of a virtual environment."""
    named = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), str(ENTRY.parents[2])}
    if site.ENABLE_USER_SITE:
        named.add(site.getusersitepackages())
    packages = [word for name in sorted(named) if Path(name).is_dir() for word in ("--packages", name)]
    return [str(base_python()), "-P", str(ENTRY), *packages, "--data", str(folder)]


class Windows:
    """The control of the machine's service."""

    program = NAME
    behind = ""
    journal = "the event log of Windows (eventvwr.msc, Application)"

    def require_right(self) -> None:
        """Raise Unusable unless the terminal is an administrator's."""
        with _told(), _as_administrator():
            scm.require_administrator()

    def installed(self) -> Installed | None:
        """Return the service known to the manager; None without a service."""
        with _told(), scm.opened(NAME, scm.SERVICE_QUERY_CONFIG | scm.SERVICE_QUERY_STATUS) as service:
            if service is None:
                return None
            config, status = service.config(), service.status()
        words = _split(config.command)
        state = STATES.get(status.state, State.STOPPED)
        if state == State.STOPPED and status.exit_code == scm.ERROR_SERVICE_SPECIFIC_ERROR:
            state = State.FAILED
        folder = Path(words[-1]) if "--data" in words[-2:-1] else None
        return Installed(
            where=f"the Windows service {NAME}",
            folder=folder,
            account=config.account,
            state=state,
            pid=status.pid,
            faults=list(_faults(words, config)),
        )

    def check(self, launch: Launch) -> None:
        """Raise Unusable if services cannot read Python or prjobs, or if the folder cannot be written."""
        for path in (base_python(), ENTRY):
            if SIDS.get(launch.account) and private.others_may_read(path) is False:
                raise Unusable(
                    f"{path} is readable for its owner alone, and a service runs under an account of its own. Install "
                    "Python for all users and prjobs into it, or start prjobs by the task of `prjobs service show`."
                )
        check_folder(Folder(launch.folder))

    def is_same(self, launch: Launch, settings: Settings) -> bool:
        """Return True if the service has the command line, the account and the rights of the launch."""
        with _told(), scm.opened(NAME, scm.SERVICE_QUERY_CONFIG) as service:
            config = service.config() if service else scm.Config("", "", 0)
        wanted = (subprocess.list2cmdline(launch.words), launch.account, scm.SERVICE_AUTO_START)
        sid = SIDS.get(launch.account)
        are_given = not sid or all(private.is_named(folder, sid) is not False for folder in _copies(settings))
        return (config.command, config.account, config.start) == wanted and are_given

    def put(self, launch: Launch, settings: Settings) -> Callable[[], None]:
        """Create or change the service, and give the account the folders. Return an act that undoes the change."""
        command = subprocess.list2cmdline(launch.words)
        with _told(), scm.opened(NAME) as service:
            before = service.config() if service else None
            take_back = partial(self._change, before.command, before.account) if before else self.remove
            if service is None:
                scm.create(NAME, SHOWN_NAME, command, launch.account)
        try:
            self._change(command, launch.account)
            _grant(launch, settings)
        except Unusable:
            take_back()
            raise
        return take_back

    def _change(self, command: str, account: str) -> None:
        with _told(), scm.opened(NAME) as service:
            if service is None:
                raise Unusable("The service was removed meanwhile: install it again.")
            service.change(command, account)
            actions = (scm.Action * len(RESTARTS_MS))(
                *[scm.Action(scm.SC_ACTION_RESTART, wait) for wait in RESTARTS_MS]
            )
            failures = scm.FailureActions(RESET_S, None, None, len(RESTARTS_MS), actions)
            service.set(scm.SERVICE_CONFIG_DESCRIPTION, scm.Text(DESCRIPTION))
            service.set(scm.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, scm.Number(1))
            service.set(scm.SERVICE_CONFIG_FAILURE_ACTIONS, failures)
            # Without the flag only a crash is a failure, and not a start that ends with an exit code.
            service.set(scm.SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, scm.Number(1))
            service.set(scm.SERVICE_CONFIG_PRESHUTDOWN_INFO, scm.Number(PRESHUTDOWN_MS))

    def start(self) -> None:
        """Ask the manager to start the service."""
        with _told(), scm.opened(NAME) as service:
            if service:
                service.start()

    def stop(self) -> None:
        """Stop the service, and wait for the end. Raise Unusable if the end does not come or was a failure."""
        with _told(), scm.opened(NAME) as service:
            if service and (status := service.status()).state != scm.SERVICE_STOPPED:
                with scm.awaited(status.pid, ENDED_MS):
                    _stop(service)

    def remove(self) -> None:
        """Delete the stopped service, and take the folders from the account."""
        before = self.installed()
        with _told(), scm.opened(NAME) as service:
            if service:
                service.delete()
        if before and before.folder and (sid := SIDS.get(before.account)):
            private.take(before.folder, sid)
            # Settings that are not valid stay without an effect on the removal.
            with suppress(Unusable):
                for folder in _copies(load_settings(before.folder, environment={})[0]):
                    private.let_write_no_more(folder, sid)


def _stop(service: scm.Service) -> None:
    clock = Clock()
    end_s, is_asked = clock.elapsed_s() + STOP_S, False
    while (status := service.status()).state != scm.SERVICE_STOPPED:
        if clock.elapsed_s() > end_s:
            raise Unusable(f"The service did not stop within {STOP_S:.0f} s: look at its log.")
        # A service that still starts accepts no stop.
        if status.state == scm.SERVICE_RUNNING and not is_asked:
            service.stop()
            is_asked = True
        time.sleep(STEP_S)
    if is_asked and status.exit_code:
        raise Unusable(f"The service did not end well (error {status.exit_code}): the next start checks the store.")


def _copies(settings: Settings) -> list[Path]:
    """Return the folder of the copies of backups, where this machine gives the rights to it."""
    named = settings.backup_copy
    return [Path(named)] if named and not private.is_on_share(named) and Path(named).is_dir() else []


def _grant(launch: Launch, settings: Settings) -> None:
    """Let the service's account write the data folder with all files, and the folder of the copies of backups."""
    sid = SIDS.get(launch.account)
    if not sid:
        return
    for folder in _copies(settings):
        # A stick without rights refuses, and needs none.
        private.let_write(folder, sid)
    if not private.give(launch.folder, sid):
        raise Unusable(
            f"{launch.folder}: the right to write cannot be given to {launch.account}: is the disk formatted with NTFS?"
        )


def _faults(words: list[str], config: scm.Config) -> Iterator[str]:
    again = "run `prjobs service install` again."
    for name in [words[0], *[word for word in words if word.endswith(ENTRY.name)]] if words else []:
        if not Path(name).exists():
            yield f"{name} is missing, which the service starts: {again}"
    if config.start != scm.SERVICE_AUTO_START:
        yield f"The service does not start with the machine: {again}"


def _split(command: str) -> list[str]:
    """Return the words of a command line by Windows' own rules."""
    split = vars(ctypes)["WinDLL"]("shell32").CommandLineToArgvW
    split.restype, split.argtypes = ctypes.POINTER(wintypes.LPWSTR), [wintypes.LPCWSTR, ctypes.POINTER(ctypes.c_int)]
    count = ctypes.c_int()
    words = split(command, ctypes.byref(count))
    return [str(words[at]) for at in range(count.value)] if words else []


@contextmanager
def _as_administrator() -> Iterator[None]:
    try:
        yield
    except scm.ScmError as error:
        if error.code != scm.ERROR_ACCESS_DENIED:
            raise
        raise Unusable(
            "Only an administrator may do that: open a terminal with `Run as administrator`, then try again. Without "
            "an administrator `prjobs serve` runs prjobs in a window."
        ) from None


@contextmanager
def _told() -> Iterator[None]:
    """Turn a refusal of Windows into a sentence."""
    try:
        yield
    except scm.ScmError as error:
        raise Unusable(f"Windows refused: {error}.") from None

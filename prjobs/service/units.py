"""The files for an operating system to start prjobs: a unit and a socket unit of systemd, a task of Windows."""

import json
import shlex
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from html import escape
from pathlib import Path

import msgspec

import prjobs
from prjobs.base.errors import Unusable
from prjobs.base.settings import Settings
from prjobs.base.sockets import bind_sockets

UNIT = """\
[Unit]
Description=prjobs, the jobs service of this observatory
After=network.target time-sync.target
# systemd tries for ever: a site has nobody who would start prjobs again.
StartLimitIntervalSec=0

[Service]
Type=exec
{user}ExecStart={command}
Restart=always
RestartSec=2
TimeoutStopSec=20
UMask=0077
# The first start prints a link that logs in, which must not stand in the journal. `prjobs login` makes another.
StandardOutput=null
StandardError=journal
{hardening}
[Install]
WantedBy={target}

[X-Prjobs]
Folder={folder}
"""
# A filter of system calls works in every manager. Without it a defect could load a module or change the clock.
FILTERED = """\
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
"""
# A manager without root's rights cannot make the views of the file system below, and would not start the service.
ISOLATED = """\
ProtectSystem=strict
ReadWritePaths={writable}
ProtectHome=read-only
PrivateTmp={private}
PrivateDevices=yes
PrivateMounts=yes
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
CapabilityBoundingSet=
AmbientCapabilities=
KeyringMode=private
RemoveIPC=yes
"""
SOCKET = """\
[Unit]
Description=The sockets of prjobs, where connections wait while prjobs restarts

[Socket]
{streams}
BindIPv6Only=ipv6-only

[Install]
WantedBy=sockets.target
"""
# https://learn.microsoft.com/windows/win32/taskschd/task-scheduler-schema: a count of restarts is one byte, and only
# an action that cannot be started is restarted. After a crash the repetition starts the program within a minute;
# while the program runs, IgnoreNew drops the repetition. Without a priority a task runs below normal, with slow disks.
TASK = """\
<?xml version="1.0"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>prjobs, the jobs service of this observatory</Description></RegistrationInfo>
  <Triggers>
    <BootTrigger><Enabled>true</Enabled></BootTrigger>
    <TimeTrigger>
      <Repetition><Interval>PT1M</Interval></Repetition>
      <StartBoundary>2020-01-01T00:00:00</StartBoundary>
    </TimeTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author"><UserId>{user}</UserId><LogonType>S4U</LogonType></Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <Priority>4</Priority>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>255</Count></RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec><Command>{command}</Command><Arguments>{arguments}</Arguments></Exec>
  </Actions>
</Task>
"""


class Launch(msgspec.Struct, frozen=True):
    """A program to start: the words, the data folder among the words, and the account.

    An empty account: the user of a systemd of the user's own.
    """

    words: Sequence[str]
    folder: Path
    account: str = ""
    # Folders beside the data folder that the program writes.
    also_writes: Sequence[str] = ()

    def with_folders_of(self, settings: Settings) -> "Launch":
        """Return the launch with the folders that the settings let the program write."""
        return msgspec.structs.replace(self, also_writes=[settings.backup_copy] if settings.backup_copy else [])

    def require_writable_down(self) -> None:
        """Raise Unusable for a name with a character unfit for a unit or a task."""
        if any(not char.isprintable() for word in (self.account, *self.words) for char in word):
            raise Unusable("The name of the user or folder has a line break or control character: choose another one.")


def unit(launch: Launch) -> str:
    """Return the systemd unit of a launch: of the machine, or of the user's own systemd without an account."""
    launch.require_writable_down()
    # A missing folder fails in prjobs, which says so, and not in systemd.
    written = (str(launch.folder), *launch.also_writes)
    isolated = ISOLATED.format(
        writable=" ".join(f"-{_path(name)}" for name in written),
        # A service with folders for temporary files of its own sees nothing of the machine's.
        private="no" if any(_is_temporary(name) for name in (*written, launch.words[0], prjobs.__file__)) else "yes",
    )
    return UNIT.format(
        user=f"User={_literal(launch.account)}\n" if launch.account else "",
        command=" ".join(_word(word) for word in launch.words),
        hardening=FILTERED + (isolated if launch.account else ""),
        target="multi-user.target" if launch.account else "default.target",
        # systemd does not read the section. As JSON no path ends in a backslash, which would join two lines.
        folder=json.dumps(str(launch.folder)),
    )


def _is_temporary(name: str) -> bool:
    """Return True for a file in one of the folders for temporary files, also behind a link."""
    paths = {Path(name), Path(name).resolve()}
    return any(path.is_relative_to(folder) for path in paths for folder in ("/tmp", "/var/tmp"))


def folder_in(text: str) -> Path | None:
    """Return the data folder of a unit; None for a unit not installed by prjobs."""
    with suppress(ValueError, TypeError):
        return Path(json.loads(_value_in(text, "Folder")))
    return None


def user_in(text: str) -> str:
    """Return the account of a unit; empty for a unit of a user's own systemd."""
    return _value_in(text, "User").replace("%%", "%")


def program_in(text: str) -> str:
    """Return the program of a unit."""
    with suppress(ValueError, IndexError):
        return shlex.split(_value_in(text, "ExecStart"))[0].replace("%%", "%").replace("$$", "$")
    return ""


def _value_in(text: str, name: str) -> str:
    return next((line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{name}=")), "")


def socket_unit(settings: Settings) -> str:
    """Return a systemd socket unit for the addresses on which `serve` would listen."""
    if not settings.port:
        raise Unusable("The setting port is 0, any free port: choose one, on which systemd is to listen.")
    try:
        bound = bind_sockets(settings.host, 0)
    except OSError as error:
        raise Unusable(f"cannot listen on {settings.host}: {error}. Change the setting host.") from None
    names = [one.getsockname()[0] for one in bound]
    for one in bound:
        one.close()
    streams = (f"ListenStream={f'[{name}]' if ':' in name else name}:{settings.port}" for name in names)
    return SOCKET.format(streams="\n".join(streams))


def _literal(text: str) -> str:
    return text.replace("%", "%%")


def _path(path: str) -> str:
    return f'"{_literal(path).replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}"'


def _word(word: str) -> str:
    """Return a word quoted by systemd.service(5): quotes, backslashes, specifiers and variables stay literal."""
    for char, literal in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        word = word.replace(char, literal)
    return f'"{word}"' if set(word) & set(" \"'\\;$") else word


def task(launch: Launch) -> str:
    """Return a task in XML that runs the words at boot without a login. ASCII: every encoding can hold the text."""
    launch.require_writable_down()
    arguments = subprocess.list2cmdline(launch.words[1:])
    texts = {"user": launch.account, "command": launch.words[0], "arguments": arguments}
    filled = TASK.format(**{name: escape(text, quote=False) for name, text in texts.items()})
    return filled.encode("ascii", "xmlcharrefreplace").decode()

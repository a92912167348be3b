"""`prjobs service show`: the file that makes the operating system start the appliance with the machine."""

import getpass
import os
import subprocess
import sys
from xml.sax.saxutils import escape

from prjobs.base.errors import Unusable
from prjobs.base.settings import Settings
from prjobs.base.settings_sources import load_settings
from prjobs.base.sockets import bind_sockets
from prjobs.cli.terminal import Namespace, Parser, add_actions, add_data, folder_of

SYSTEMD, WINDOWS = "systemd", "windows"
UNIT = """\
[Unit]
Description=prjobs, the jobs service of this observatory
After=network.target time-sync.target

[Service]
User={user}
ExecStart={command}
Restart=always
RestartSec=2
UMask=0077
NoNewPrivileges=yes
# The first start prints a link that logs in, which must not stand in the journal. `prjobs login` makes another.
StandardOutput=null

[Install]
WantedBy=multi-user.target
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


def add_service(parser: Parser) -> None:
    """Declare `service show`."""
    service = add_actions(parser)
    showing = add_data(
        service.add_parser("show", help="print a systemd unit, or a task for the Task Scheduler of Windows")
    )
    showing.add_argument("--user", metavar="NAME", help="the user that runs the appliance (default: you)")
    showing.add_argument(
        "--for", dest="kind", choices=(SYSTEMD, WINDOWS), default=WINDOWS if os.name == "nt" else SYSTEMD
    )
    showing.add_argument(
        "--socket", action="store_true", help="print the systemd socket unit, where connections wait during a restart"
    )
    showing.set_defaults(run=run_show)


def run_show(asked: Namespace) -> None:
    """Print the file; the system is not changed."""
    if asked.socket:
        print(socket_unit(load_settings(folder_of(asked).path)[0]), end="")
        return
    user = asked.user or _own_name()
    words = [sys.executable, "-P", "-m", "prjobs", "serve", "--data", str(folder_of(asked).path.absolute())]
    if any(not char.isprintable() for word in (user, *words) for char in word):
        raise Unusable("The name of the user or folder has a line break or control character: choose another one.")
    print(task(user, words) if asked.kind == WINDOWS else unit(user, words), end="")


def _own_name() -> str:
    domain = os.environ.get("USERDOMAIN") if os.name == "nt" else None
    return f"{domain}\\{getpass.getuser()}" if domain else getpass.getuser()


def unit(user: str, words: list[str]) -> str:
    """Return a systemd unit that runs these words."""
    command = " ".join(_quoted(word) for word in words)
    return UNIT.format(user=user.replace("%", "%%"), command=command)


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


def _quoted(word: str) -> str:
    """Return a word quoted by systemd.service(5): quotes, backslashes, specifiers and variables stay literal."""
    for char, literal in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        word = word.replace(char, literal)
    return f'"{word}"' if set(word) & set(" \"'\\;$") else word


def task(user: str, words: list[str]) -> str:
    """Return a task in XML that runs these words at boot without a login. ASCII: every encoding can hold the text."""
    texts = {"user": user, "command": words[0], "arguments": subprocess.list2cmdline(words[1:])}
    filled = TASK.format(**{name: escape(text) for name, text in texts.items()})
    return filled.encode("ascii", "xmlcharrefreplace").decode()

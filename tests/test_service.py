"""What starts the appliance with the machine: it is what the operating system reads, and it starts the program."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
import requests

from prjobs.base import private
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.cli.commands import run
from prjobs.service import acts, systemd, units, windows
from prjobs.service.units import Launch
from prjobs.service.waiting import LogEnd
from prjobs.upkeep import doctor
from prjobs.upkeep.findings import WRONG
from prjobs.upkeep.first_steps import command_to_install
from tests.clocks import ManualClock
from tests.program import Program
from tests.waiting import wait_for

TASKS = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
ODD = 'a "b" %h $HOME; é\\'


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="systemd's quotes are a shell's, not those of Windows")
def test_the_unit_starts_the_program(program: Program) -> None:
    shown = program.run("service", "show", "--for", "systemd", "--user", "alice")
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    assert "User=alice" in lines and "Restart=always" in lines
    # By systemd's default stderr goes where stdout goes, and the reason of a failed start would be lost.
    assert "StandardError=journal" in lines
    (line,) = [line for line in lines if line.startswith("ExecStart=")]
    words = shlex.split(line.removeprefix("ExecStart="))
    process = subprocess.Popen([*words, "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "http://127.0.0.1:" in process.stdout.readline()
        assert (program.data / "prjobs.sqlite3").is_file()
    finally:
        process.terminate()
        process.communicate(timeout=60)


has_systemd_tools = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
is_root = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root runs a program as another user")
without_systemd = pytest.mark.skipif(
    Path("/run/systemd/system").is_dir() or os.name == "nt", reason="systemd runs here"
)
posix = pytest.mark.skipif(os.name == "nt", reason="systemd's files, and no service that another test installs")
NOBODY = "nobody"


def launch(*words: str, folder: str = "/srv/prjobs", account: str = "root") -> Launch:
    return Launch([sys.executable, "-P", *words], Path(folder), account)


def analyze(*words: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(Path.home())}
    command = ["systemd-analyze", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@has_systemd_tools
@pytest.mark.parametrize("account", ["root", ""], ids=["system", "user"])
@pytest.mark.parametrize("folder", ["/srv/prjobs", "/srv/été du/" + ODD])
def test_systemd_takes_the_units(tmp_path: Path, account: str, folder: str) -> None:
    made = launch(ODD, "it's", folder=folder, account=account)
    for name, text in (("service", units.unit(made)), ("socket", units.socket_unit(Settings()))):
        (tmp_path / f"prjobs-test.{name}").write_text(text, encoding="utf-8")
    mode = "--system" if account else "--user"
    done = analyze("verify", "--man=no", mode, *tmp_path.iterdir())
    assert "prjobs-test" not in done.stderr and done.returncode == 0, done.stderr
    text = (tmp_path / "prjobs-test.service").read_text(encoding="utf-8")
    assert (units.folder_in(text), units.user_in(text)) == (Path(folder), account)
    assert units.program_in(text) == sys.executable


@has_systemd_tools
@pytest.mark.parametrize(("account", "words", "bound"), [("alice", [], 2.5), ("", ["--user"], 6.5)])
def test_the_unit_is_hardened(tmp_path: Path, account: str, words: list[str], bound: float) -> None:
    """A manager without root's rights can filter the calls of the system, and not more: 6.4 of 10."""
    path = tmp_path / "prjobs-test.service"
    path.write_text(units.unit(launch(account=account)), encoding="utf-8")
    threshold = f"--threshold={bound * 10:.0f}"
    done = analyze("--offline=true", "security", "--no-pager", *words, threshold, path)
    assert done.returncode == 0, done.stdout[-300:] + done.stderr
    (level,) = re.findall(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert float(level) <= bound


@posix
def test_the_service_may_write_the_folder_of_the_copies_of_backups() -> None:
    made = units.unit(launch().with_folders_of(Settings(backup_copy="/mnt/nas/b c")))
    assert 'ReadWritePaths=-"/srv/prjobs" -"/mnt/nas/b c"\n' in made


def test_a_data_folder_among_temporary_files_is_seen_by_the_service() -> None:
    assert "PrivateTmp=no\n" in units.unit(launch(folder="/tmp/prjobs"))


@pytest.mark.skipif(shutil.which("systemctl") is None, reason="systemctl is not here")
def test_systemd_starts_the_installed_units_with_the_machine(tmp_path: Path) -> None:
    """With --root systemctl works on a folder, and needs no systemd that runs."""
    folder = tmp_path / "etc" / "systemd" / "system"
    folder.mkdir(parents=True)
    (folder / systemd.SERVICE).write_text(units.unit(launch()), encoding="utf-8")
    (folder / systemd.SOCKET).write_text(units.socket_unit(Settings()), encoding="utf-8")
    subprocess.run(
        ["systemctl", f"--root={tmp_path}", "enable", systemd.SERVICE, systemd.SOCKET], check=True, capture_output=True
    )
    wanted = {f"{path.parent.name}/{path.name}" for path in folder.rglob("*") if path.is_symlink()}
    assert wanted == {"multi-user.target.wants/prjobs.service", "sockets.target.wants/prjobs.socket"}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="systemd-socket-activate is not here")
def test_systemd_passes_the_sockets_of_the_unit_to_the_program_of_the_unit(program: Program) -> None:
    """The poll that comes first starts the program, waits in the socket, and is answered."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program.data.mkdir(mode=0o700)
    (program.data / "prjobs.toml").write_text(f"port = {port}\n")
    shown = [program.run("service", "show", "--for", "systemd", *flags).stdout for flags in ((), ("--socket",))]
    (line,) = re.findall("^ExecStart=(.*)$", shown[0], re.M)
    listened = [f"--listen={one}" for one in re.findall("^ListenStream=(.*)$", shown[1], re.M)]
    process = subprocess.Popen(
        ["systemd-socket-activate", *listened, *shlex.split(line)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: not _is_free(port))
        answer = requests.post(f"http://127.0.0.1:{port}/getnewjobs", json={"site": "saf"}, timeout=60)
        assert (answer.status_code, answer.json()) == (200, [])
    finally:
        process.terminate()
        assert process.wait(60) == 0


def _is_free(port: int) -> bool:
    # A connection would be the first request, and start the program.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@posix
def test_words_reach_systemd_as_they_are() -> None:
    made = units.unit(Launch(["/bin/x", 'a b"c\\d%e$f', "plain"], Path('/srv/a "b" %h $x\\'), "u%h"))
    assert made.count('ExecStart=/bin/x "a b\\"c\\\\d%%e$$f" plain\n') == 1
    # Variables mean nothing in a path, unlike in the words of a command.
    assert made.count('ReadWritePaths=-"/srv/a \\"b\\" %%h $x\\\\"\n') == 1 and "User=u%%h\n" in made
    assert units.user_in(made) == "u%h"


def test_the_task_is_whole_and_ascii() -> None:
    text = units.task(
        Launch(["C:\\Program Files\\python.exe", "-P", "--data", "D:\\é & co"], Path("D:"), "SITE\\o<bs>")
    )
    assert text.isascii()
    root = ElementTree.fromstring(text)
    found = {element.tag.removeprefix(TASKS): element.text for element in root.iter()}
    assert (found["UserId"], found["LogonType"]) == ("SITE\\o<bs>", "S4U")
    assert found["Command"] == "C:\\Program Files\\python.exe"
    assert found["Arguments"] == '-P --data "D:\\é & co"'
    # 0: for ever.
    assert found["ExecutionTimeLimit"] == "PT0S" and 1 <= int(found["Count"] or 0) <= 255


def test_the_task_has_normal_priority_and_starts_again_within_a_minute_after_a_crash() -> None:
    root = ElementTree.fromstring(units.task(Launch(["python.exe"], Path("D:"), "u")))
    found = {element.tag.removeprefix(TASKS): element for element in root.iter()}
    # The scale goes from 0 to 10; 7 is the default, below normal.
    assert int(found["Priority"].text or 7) in (4, 5, 6) and found["MultipleInstancesPolicy"].text == "IgnoreNew"
    again = found["TimeTrigger"]
    assert [element.text for element in again.iter() if element.tag == f"{TASKS}Interval"] == ["PT1M"]
    # Without a duration the repetition has no end, and with a start in the past it goes on after a boot.
    assert again.find(f".//{TASKS}Duration") is None
    start = datetime.fromisoformat(again.findtext(f"{TASKS}StartBoundary") or "")
    assert start.year < 2026 and found["BootTrigger"] is not None


def test_a_name_that_cannot_be_written_down(program: Program) -> None:
    refused = program.run("service", "show", "--user", "a\nExecStartPre=b")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.count("\n") == 1 and "line break" in refused.stderr


def test_the_unit_of_the_users_own_systemd(program: Program) -> None:
    shown = program.run("service", "show", "--for", "systemd", "--user").stdout
    assert (
        "User=" not in shown and "WantedBy=default.target\n" in shown and "SystemCallFilter=@system-service\n" in shown
    )


# ---- an install that is refused changes nothing

ACTIONS = ("install", "remove", "start", "stop")


# Another user may not be able to read this Python: everything is imported before the process becomes the other user's.
AS_NOBODY = """
import os, sys
from prjobs.cli.commands import build_parser, run
import prjobs.cli.failures, prjobs.service.systemd
build_parser()
os.setuid(65534)
for action in sys.argv[1:-1]:
    print(action, run(["service", action, "--data", sys.argv[-1]]))
"""


@is_root
def test_without_the_right_every_act_is_refused_in_a_sentence(tmp_path: Path) -> None:
    words = [sys.executable, "-c", AS_NOBODY, *ACTIONS, str(tmp_path / "data")]
    environment = {**os.environ, "HOME": "/nonexistent"}
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines() == [f"{action} 1" for action in ACTIONS] and list(tmp_path.iterdir()) == []
    sentences = done.stderr.splitlines()
    assert len(sentences) == len(ACTIONS) and all("Only root may do that: put `sudo`" in one for one in sentences)


@is_root
@without_systemd
@pytest.mark.parametrize("flags", [(), ("--user",)], ids=["system", "user"])
@pytest.mark.parametrize("action", ACTIONS)
def test_without_systemd_every_act_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], action: str, flags: tuple[str, ...]
) -> None:
    assert run(["service", action, "--data", str(tmp_path / "data"), *flags]) == 1
    out, errors = capsys.readouterr()
    assert out == "" and errors.startswith("prjobs: systemd does not run on this machine") and errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == [] and not Path(systemd.SYSTEM_FOLDER, systemd.SERVICE).exists()


@without_systemd
def test_units_that_systemd_does_not_take_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    own = systemd.Systemd(is_user=True)
    with pytest.raises(Unusable, match=r"^`systemctl .*` failed: "):
        own.put(launch(account=""), Settings())
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == [] and own.installed() is None


@pytest.mark.slow
@posix
def test_without_a_service_the_status_says_so(program: Program) -> None:
    found = program.run("service", "status")
    assert (found.returncode, found.stderr) == (1, "") and found.stdout.startswith("No service is installed: ")
    assert not program.data.exists()
    program.serve()
    found = program.run("service", "status")
    assert found.returncode == 1
    assert f"Address: {program.url}/" in found.stdout and "was not started by the service: stop it" in found.stdout


@pytest.mark.skipif(os.name == "nt", reason="accounts of Linux")
def test_a_user_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="There is no user not-here on this machine"):
        systemd.Systemd().check(launch(account="not-here", folder=str(tmp_path / "data")))
    assert list(tmp_path.iterdir()) == []


@is_root
def test_the_check_runs_as_the_user_of_the_service(tmp_path: Path) -> None:
    """pytest's folders are root's alone: the user `nobody` cannot make a folder there."""
    check = systemd.Systemd().check
    with pytest.raises(Unusable, match=r"^(As the user nobody: .*cannot write|The user nobody may not run )"):
        check(launch(account=NOBODY, folder=str(tmp_path / "data")))
    assert list(tmp_path.iterdir()) == []
    check(launch(account="root", folder=str(tmp_path / "données du site")))
    assert (tmp_path / "données du site" / "logs").is_dir()
    (tmp_path / "données du site" / "prjobs.toml").write_text("prot = 1\n")
    with pytest.raises(Unusable, match=r"As the user root: .*there is no setting named prot"):
        check(launch(account="root", folder=str(tmp_path / "données du site")))


def test_a_taken_port_is_refused_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unusable, match=rf"port {port} cannot be used .*: stop the program that uses the port"):
            acts._require_free(Settings(port=port))


def test_a_folder_that_a_hand_started_server_serves_is_refused(program: Program) -> None:
    program.serve()
    with pytest.raises(Unusable, match=r"^Process \d+ at http\S+ serves .* stop it by Ctrl-C"):
        acts._require_unserved(Folder(program.data))


# ---- a start that fails

INTERPRETER = f"python{sys.version_info.major}.{sys.version_info.minor}"
ENTRY_WORDS = [str(windows.base_python()), "-P", str(windows.ENTRY)]


@pytest.mark.skipif(os.name == "nt", reason="on Windows the manager of services starts the program")
def test_the_windows_service_finds_the_packages_by_the_base_interpreter_and_logs_why_it_fails(tmp_path: Path) -> None:
    """A virtual environment's python.exe only starts another process, which the manager would not know."""
    assert windows.base_python().resolve() == Path(sys.base_prefix, "bin", INTERPRETER).resolve()
    data = tmp_path / "été du site"
    data.mkdir()
    log = LogEnd(data / "logs" / "prjobs.log")
    words = windows.words_of(data)
    assert words[: len(ENTRY_WORDS)] == ENTRY_WORDS
    assert subprocess.run(words, capture_output=True, check=False).returncode == 1
    # All packages are there; the functions of Windows are not.
    assert "KeyError: 'WinDLL'" in log.reason()
    assert subprocess.run([*ENTRY_WORDS, "--data", str(data)], capture_output=True, check=False).returncode == 1
    assert "No module named" in log.reason()


@posix
def test_a_python_that_services_cannot_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "python.exe"
    own.touch(0o700)
    monkeypatch.setattr(windows, "base_python", lambda: own)
    for account in ("", "LocalService"):
        refused = launch(folder=str(tmp_path / "data"), account=windows.account_named(account))
        with pytest.raises(
            Unusable, match=r"python\.exe is readable for its owner alone, .* Install Python for all users"
        ):
            windows.Windows().check(refused)
        assert not (tmp_path / "data").exists()
    windows.Windows().check(launch(folder=str(tmp_path / "data"), account=windows.account_named("LOCALSYSTEM")))


def test_a_service_of_windows_does_not_run_as_a_person() -> None:
    assert windows.account_named("") == "NT SERVICE\\prjobs"
    assert windows.account_named("nt authority\\networkservice") == "NT AUTHORITY\\NetworkService"
    with pytest.raises(Unusable, match=r"^SITE\\ann is not one of .*LocalSystem\. .* use the task"):
        windows.account_named("SITE\\ann")


@posix
def test_the_account_of_the_windows_service_may_write_the_copies_of_backups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program in the place of icacls writes its words down: what Windows makes of them, Wine does not show."""
    copies, data, ran = tmp_path / "nas", tmp_path / "data", tmp_path / "ran"
    copies.mkdir()
    (tmp_path / "System32").mkdir()
    icacls = tmp_path / "System32" / "icacls.exe"
    icacls.write_text(f'#!/bin/sh\necho "$*" >> "{ran}"\n')
    icacls.chmod(0o755)
    monkeypatch.setenv("SYSTEMROOT", str(tmp_path))
    made, sid = launch(folder=str(data), account=windows.ACCOUNT), windows.service_sid()
    whole = f"{data} /grant *{sid}:(OI)(CI)F /T /Q"
    # A folder that is missing, and a share, whose rights another machine gives.
    for named, first in (
        (str(copies), [f"{copies} /grant *{sid}:(OI)(CI)M /Q"]),
        (f"{copies}-2", []),
        (r"\\nas\b", []),
    ):
        ran.write_text("")
        windows._grant(made, Settings(backup_copy=named))
        assert ran.read_text().splitlines() == [*first, whole]


@posix
@pytest.mark.parametrize(("found", "known"), [("", False), ("SID Found: {path}.", True), (None, None)])
def test_a_right_to_the_copies_that_is_missing_is_a_change_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: str | None, known: bool | None
) -> None:
    (tmp_path / "System32").mkdir()
    icacls = tmp_path / "System32" / "icacls.exe"
    listed = f"{tmp_path} S-1-5-18:(F)" if found is not None else ""
    answer = (found or "").format(path=tmp_path)
    icacls.write_text(f'#!/bin/sh\n[ "$2" = /findsid ] && echo "{answer}" || echo "{listed}"\n')
    icacls.chmod(0o755)
    monkeypatch.setenv("SYSTEMROOT", str(tmp_path))
    assert private.is_named(tmp_path, windows.service_sid()) is known


def test_the_account_of_a_service_is_named_as_windows_names_it() -> None:
    """The identifier of TrustedInstaller is the same on every Windows."""
    numbers = "956008885-3418522649-1831038044-1853292631-2271478464"
    assert windows.service_sid("TrustedInstaller") == f"S-1-5-80-{numbers}"


def test_the_reason_of_a_failed_start_is_of_this_start(program: Program) -> None:
    program.data.mkdir(mode=0o700)
    (program.data / "identity.json").write_text("[]")
    end = LogEnd(program.data / "logs" / "prjobs.log")
    refused = program.run("serve", "--port", "0")
    assert refused.returncode == 1 and end.reason() == refused.stderr.removeprefix("prjobs: ").strip()
    assert LogEnd(program.data / "logs" / "prjobs.log").reason() == ""


# ---- the doctor


@posix
def test_the_doctor_says_whether_a_service_is_installed(folder: Folder) -> None:
    (finding,) = [one for one in doctor.examine(folder, ManualClock()) if one.check == "service"]
    assert "service" in finding.sentence and (finding.level != WRONG or systemd.Systemd().installed())
    if systemd.Systemd().installed() is None:
        assert f"stop a server in a window by Ctrl-C, then run `{command_to_install(folder)}`" in finding.sentence


@posix
@without_systemd
def test_the_doctor_says_why_a_service_would_not_start(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder.path.parent))
    own = folder.path.parent / "systemd" / "user"
    own.mkdir(parents=True)
    made = Launch(["/nonexistent/python", "-m", "prjobs"], folder.path)
    (own / systemd.SERVICE).write_text(units.unit(made), encoding="utf-8")
    found = [one for one in doctor.examine(folder, ManualClock()) if one.check == "service"]
    assert found and all(one.level == WRONG for one in found)
    assert "/nonexistent/python is missing, which the unit starts" in found[0].sentence
    (own / systemd.SERVICE).write_text(
        units.unit(msgspec.structs.replace(made, folder=Path("/srv/other"))), encoding="utf-8"
    )
    (other,) = [one for one in doctor.examine(folder, ManualClock()) if one.check == "service"]
    assert "serves another data folder, /srv/other" in other.sentence and other.level != WRONG

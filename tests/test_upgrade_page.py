"""The lines of the manual's page Upgrade, run by a shell: each step in order, and the end at a step that fails."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from prjobs.cli.commands import build_parser

PAGE = (Path(__file__).parent.parent / "static" / "manual" / "upgrade.md").read_text(encoding="utf-8")
BACKUP = "before-0013-20261129-200000.sqlite3"
STOP, START, UPGRADE = "prjobs service stop", "prjobs service start", "pipx upgrade prjobs"
UNDO = [STOP, "git checkout ORIG_HEAD", UPGRADE, f"prjobs restore {BACKUP}", START]


def lines(language: str) -> list[str]:
    """Return the lines of the page that stop the service and start it again, as the upgrade and the way back."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if "service stop" in line]


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with programs that write their words down; the step in the file `failing` fails.

    The real ones would change this machine's service. As of sudo, root's PATH lacks the folder.
    """
    folder = tmp_path / "bin"
    folder.mkdir()
    words = f'words="$(basename "$0") $*"\necho "$words" >> "{tmp_path}/ran"'
    record = f'{words}\n[ "$words" != "$(cat "{tmp_path}/failing")" ]\n'
    for name in ("prjobs", "pipx", "git"):
        (folder / name).write_text(f"#!/bin/sh\n{record}")
    (folder / "sudo").write_text('#!/bin/sh\nexec env PATH=/usr/bin:/bin "$@"\n')
    for path in folder.iterdir():
        path.chmod(0o755)
    (tmp_path / "failing").write_text("")
    return folder


def ran(programs: Path, line: str, failing: str = "") -> tuple[list[str], int]:
    """Run the line, and return its steps and the exit code."""
    home = programs.parent
    (home / "failing").write_text(failing)
    (home / "ran").write_text("")
    environment = {**os.environ, "PATH": f"{programs}:/usr/bin:/bin", "HOME": str(home)}
    done = subprocess.run(["sh", "-c", line], env=environment, check=False)
    found = (home / "ran").read_text().replace(f"{home}/.local/share/prjobs/backups/", "").splitlines()
    return found, done.returncode


@pytest.mark.skipif(os.name == "nt", reason="the words are those of a POSIX shell")
def test_one_line_upgrades_a_service_and_one_line_undoes_the_upgrade(programs):
    upgrade, undo = lines("sh")
    for line, steps in ((upgrade, [STOP, UPGRADE, START]), (undo, UNDO)):
        assert ran(programs, line) == (steps, 0)
        for at, step in enumerate(steps):
            # A version whose install failed is not started, and no store is replaced under a running server.
            found, code = ran(
                programs, line, failing=step.replace(BACKUP, f"{programs.parent}/.local/share/prjobs/backups/{BACKUP}")
            )
            assert (found, code != 0) == (steps[: at + 1], True)


def test_windows_has_the_same_two_lines_in_words_of_its_own_shell():
    """cmd knows && in each version of Windows, and PowerShell 5 does not."""
    upgrade, undo = (re.fullmatch(r'cmd /c "(.*)"', line)[1].split(" && ") for line in lines("powershell"))
    assert upgrade == [STOP, UPGRADE, START]
    assert [re.sub(r"%LOCALAPPDATA%\\prjobs\\backups\\", "", step) for step in undo] == UNDO


def test_every_command_of_the_page_is_one_and_none_leaves_the_socket_of_systemd():
    said = re.sub(r'sudo "\$\(command -v prjobs\)"', "prjobs", PAGE)
    for words in re.findall(r'(?:`|&& |^)prjobs ((?:service|serve)[^`&"\n…]*)', said, re.MULTILINE):
        build_parser().parse_args(words.split())
    assert re.findall(r"`(sudo [^`]*systemctl[^`]*)`", PAGE) == []
    for title in ("Upgrade prjobs step by step", "The way back"):
        section = said.partition(f"## {title}\n")[2].partition("\n## ")[0]
        assert STOP in section and START in section and "`prjobs serve`" in section

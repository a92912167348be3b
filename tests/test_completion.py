"""Shell completion: scripts made from the parser, typed into real shells on a terminal."""

import os
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from prjobs.cli.commands import build_parser
from prjobs.cli.completing import SCRIPTS, places
from tests.readme import leaves
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the shells of these tests run on a terminal of Unix")
SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
# In place of the program: a function that prints its arguments.
READY = {
    "bash": "prjobs() { printf '<%s>' \"$@\"; echo; }; source {script}; echo rea''dy\n",
    "zsh": "autoload -Uz compinit; compinit -D -u; prjobs() { printf '<%s>' \"$@\"; echo; }; source {script}; "
    "echo rea''dy\n",
}


class Typist:
    """A shell on a terminal, to which a person types."""

    def __init__(self, shell: str, script: Path) -> None:
        import pty

        environment = {**os.environ, "TERM": "dumb", "HOME": str(script.parent)}
        self._terminal, its_end = pty.openpty()
        self._process = subprocess.Popen(
            SHELLS[shell],
            stdin=its_end,
            stdout=its_end,
            stderr=its_end,
            env=environment,
            cwd=script.parent,
            start_new_session=True,
        )
        os.close(its_end)
        self.shown = ""
        self.type(READY[shell].replace("{script}", str(script)))
        self.wait_for("ready")

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def complete(self, start: str) -> None:
        """Type a start of a word and the tabulator; a shell reads keys typed later as a part of the word."""
        before = len(self.shown)
        self.type(f"{start}\t")
        while not self.shown[before:].count(start[-1:]) or not self._is_quiet():
            self._read()

    def _is_quiet(self) -> bool:
        return not select.select([self._terminal], [], [], 0.3)[0]

    def _read(self) -> None:
        if select.select([self._terminal], [], [], 0.1)[0]:
            self.shown += os.read(self._terminal, 65_536).decode(errors="replace")

    def wait_for(self, text: str) -> None:
        wait_for(lambda: text in self.shown, self._read)

    def close(self) -> None:
        self._process.kill()
        self._process.wait(60)
        os.close(self._terminal)


@pytest.fixture
def script(tmp_path):
    """Write the script of a shell, as the command prints it."""

    def script(shell: str) -> Path:
        done = subprocess.run(
            [sys.executable, "-m", "prjobs", "completion", shell], capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        path = tmp_path / f"prjobs.{shell}"
        path.write_text(done.stdout)
        return path

    return script


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_a_real_shell_completes_what_somebody_types(shell, script):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed here: apt install {shell}")
    path = script(shell)
    (path.parent / "a backup.sqlite3").touch()
    typist = Typist(shell, path)
    try:
        for start in ("prjobs tok", "cr", "--us"):
            typist.complete(start)
        typist.type("ann ")
        for start in ("--ro", "ad"):
            typist.complete(start)
        typist.type("\n")
        typist.wait_for("<token><create><--user><ann><--role><admin>")
        for start in ("prjobs rest", "a"):
            typist.complete(start)
        typist.type("\n")
        typist.wait_for("<restore><a backup.sqlite3>")
        assert "command not found" not in typist.shown
    finally:
        typist.close()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("tok", ["token"]),
        ("token ", ["create", "list", "revoke"]),
        ("token create --user ann --ro", ["--role"]),
        ("token create --role ad", ["admin"]),
        ("restore a", ["a backup.sqlite3"]),
        ("completion power", ["powershell"]),
    ],
)
def test_fish_completes(script, typed, offered):
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed here: apt install fish")
    path = script("fish")
    (path.parent / "a backup.sqlite3").touch()
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source {path}; complete -C 'prjobs {typed}'"],
        capture_output=True,
        text=True,
        check=True,
        cwd=path.parent,
        env={**os.environ, "HOME": str(path.parent)},
    )
    found = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert [one for one in found if not one.startswith("-") or typed.endswith("-ro")] == offered


def test_bash_completes_the_value_behind_an_equals_sign(script):
    words = "COMP_WORDS=(prjobs token create --role = o); COMP_CWORD=5"
    code = f"source {script('bash')}; {words}; _prjobs; echo $COMPREPLY"
    done = subprocess.run(["bash", "--norc", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "owner\n"


def test_powershell_completes(script, tmp_path):
    if shutil.which("pwsh") is None:
        pytest.skip("pwsh is not in Debian's packages, and is not installed here")
    line = "prjobs token create --ro"
    code = f". {script('powershell')}; (TabExpansion2 '{line}' {len(line)}).CompletionMatches.CompletionText"
    done = subprocess.run(["pwsh", "-NoProfile", "-Command", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["--role"]


@pytest.mark.slow
@pytest.mark.parametrize("shell", SCRIPTS)
def test_every_command_and_option_of_the_parser_is_in_the_script(shell, script):
    text = script(shell).read_text()
    found = {place.at: place for place in places("prjobs", build_parser())}
    assert {name for name, *_ in leaves("prjobs", build_parser(), "")} <= found.keys()
    for place in found.values():
        assert place.at in text
        for option in place.options:
            for name in option.names:
                assert name in text or (shell == "fish" and f" -{'l' if name[2:] else 's'} {name.lstrip('-')}" in text)


def test_an_unknown_shell_is_refused():
    done = subprocess.run(
        [sys.executable, "-m", "prjobs", "completion", "tcsh"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "") and "'bash', 'zsh', 'fish', 'powershell'" in done.stderr

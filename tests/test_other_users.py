"""Other users of the machine: what they may read and write, and a program of theirs on the server's old port."""

import json
import os
import shutil
import stat
import subprocess
import tempfile
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from prjobs.access import operator_client, server_proof
from prjobs.base import private
from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from tests.program import Program

posix = pytest.mark.skipif(os.name == "nt", reason="the rights of POSIX")
NOBODY = 65534


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


# ---- rights


@pytest.mark.slow
@posix
def test_a_data_folder_is_the_owners_alone(tmp_path: Path) -> None:
    """Whatever the umask says: the store, its log, the logs, the backups and the small files."""
    program = Program(tmp_path / "data")
    before = os.umask(0)
    try:
        program.serve("--min-free-mb", "0")
        program.new_job(program.token())
        program.run("backup")
        found = modes(program.data)
    finally:
        os.umask(before)
        program.kill()
    assert {"prjobs.sqlite3", "prjobs.sqlite3-wal", "secret", "lock", "identity.json", "server.json"} <= set(found)
    assert "audit.json" in found and len([name for name in found if name.startswith("backups/")]) == 1
    assert {name: oct(mode) for name, mode in found.items() if mode & 0o077} == {}


@pytest.mark.slow
@posix
@pytest.mark.parametrize("mode", [0o770, 0o720, 0o702, 0o777])
def test_a_folder_that_others_may_write_is_not_served(tmp_path: Path, mode: int) -> None:
    program = Program(tmp_path / "data")
    program.token()
    program.data.chmod(mode)
    done = program.run("serve", "--port", "0")
    assert done.returncode == 1 and f'chmod 700 "{program.data}"' in done.stderr
    assert done.stderr.count("\n") == 1
    found = program.run("doctor")
    assert found.returncode == 1 and f"WRONG  Other users may write in {program.data}" in found.stdout
    program.data.chmod(0o700)
    program.serve()
    assert program.stop()[0] == 0


@pytest.mark.slow
@posix
def test_the_doctor_says_what_others_may_read(tmp_path: Path) -> None:
    program = Program(tmp_path / "data")
    program.token()
    assert "Other users" not in program.run("doctor").stdout
    program.data.chmod(0o755)
    (program.data / "prjobs.sqlite3").chmod(0o644)
    said = program.run("doctor").stdout
    assert f"note   Other users of this machine may read {program.data}" in said and "chmod -R go=" in said


@pytest.mark.slow
@posix
@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs root, to act as another user")
@pytest.mark.skipif(shutil.which("flock") is None, reason="needs flock (Debian: apt install util-linux)")
def test_another_user_cannot_take_the_lock() -> None:
    """Not even of a folder that others may enter: with the lock taken no server would start."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        program = Program(Path(place, "data"))
        program.token()
        program.data.chmod(0o755)
        lock = program.data / "lock"
        lock.chmod(0o666)
        taking = partial(subprocess.run, ["flock", "-n", lock, "true"], capture_output=True, user=NOBODY, check=False)
        assert taking().returncode == 0
        program.serve()
        program.stop()
        done = taking()
        assert done.returncode and b"Permission denied" in done.stderr


def test_the_listing_of_windows_rights_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What icacls prints, as its manual shows; the program itself is on Windows only."""
    secret = tmp_path / "secret"
    private_listing = f"{secret} NT AUTHORITY\\SYSTEM:(F)\nSuccessfully processed 1 files; Failed processing 0 files"
    nothing, found = "Successfully processed 0 files", f"SID Found: {secret}.\nSuccessfully processed 1 files"
    answers: dict[str, str | None] = {}
    monkeypatch.setattr(
        private, "_icacls", lambda _path, *arguments: answers.get(arguments[-1] if arguments else "", nothing)
    )
    monkeypatch.setattr(private.os, "name", "nt")
    answers[""] = private_listing
    assert private.others_may_read(secret) is False
    answers["*S-1-5-32-545"] = found
    assert private.others_may_read(secret) is True
    assert "/inheritance:r" in private.command_to_close(secret)
    answers[""] = None
    assert private.others_may_read(secret) is None


# ---- a program on the old port


class Squatter:
    """Another user's program that answers each request, and passes challenges on to `server` where one is given."""

    def __init__(self, server: str = "") -> None:
        self.seen: list[tuple[str, str | None]] = []
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append((self.path, self.headers.get("Authorization")))
                body = requests.get(server + self.path, timeout=60).content if server else b'{"proof": "0"}'
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_DELETE = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


COMMANDS = [
    ("send", "saf", "camera", "camera1", "expose"),
    ("cancel", "--all", "saf"),
    ("token", "create", "--user", "auth0|bob"),
    ("token", "list"),
    ("reserve", "list"),
    ("doctor",),
]


@pytest.mark.slow
@pytest.mark.parametrize("passes_on", [False, True])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_program_on_the_old_port_gets_no_token(program: Program, command: tuple[str, ...], passes_on: bool) -> None:
    program.serve()
    squatter = Squatter(program.url if passes_on else "")
    address = program.data / "server.json"
    address.write_text(json.dumps({"pid": 1, "url": squatter.url}))
    done = program.run(*command, env={**os.environ, "PRJOBS_TOKEN": "a-token-of-mine"} if passes_on else None)
    assert squatter.seen and {token for _, token in squatter.seen} == {None}
    if command != ("doctor",):
        assert done.returncode == 1 and "does not prove" in done.stderr
        assert done.stderr.count("\n") == 1
    squatter.http.shutdown()


def test_the_proof_is_of_one_challenge_and_one_port(program: Program, tmp_path: Path) -> None:
    program.serve()
    folder = Folder(program.data)
    port = int(program.url.rpartition(":")[2])
    for challenge in ("0" * 64, "f" * 64):
        said = requests.get(f"{program.url}/api/proof", params={"challenge": challenge}).json()
        assert said == {"proof": server_proof.prove(folder.known_secret(), challenge, port)}
    assert requests.get(f"{program.url}/api/proof").status_code == 400
    assert requests.get(f"{program.url}/api/proof", params={"challenge": "header.payload" * 4}).status_code == 400
    stranger = Folder(tmp_path / "other")
    stranger.create()
    stranger.secret(Clock())
    with pytest.raises(Unusable, match="does not prove"):
        operator_client.proved_client(stranger, program.url, Clock())

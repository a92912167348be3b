"""The log files: nothing said is lost, nothing said can look like two lines."""

import logging
import os
import re
import socket
import threading
from pathlib import Path

import pytest
import requests

from prjobs.base import logs
from prjobs.base.folder import Folder
from tests.program import JOB
from tests.waiting import wait_for


@pytest.fixture
def said(tmp_path):
    """A logger with the files of a folder, and a look at what stands in them; the root logger is put back after."""
    folder = Folder(tmp_path)
    folder.create()
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    root.handlers = []
    logs.set_up_logs(folder, "info")
    yield (
        logging.getLogger("prjobs.test"),
        lambda: (folder.logs / "prjobs.log").read_text(encoding="utf-8").splitlines(),
    )
    for handler in root.handlers:
        handler.close()
    root.handlers = before
    root.setLevel(level)


def test_a_warning_is_written_at_once_with_all_that_was_said_before_it(said):
    logger, lines = said
    logger.info("first")
    logger.warning("second")
    assert [line.split()[-1] for line in lines()] == ["first", "second"]


def test_a_line_is_written_a_moment_later_without_a_warning(said):
    logger, lines = said
    stop, written = threading.Event(), threading.Event()
    file = logging.getLogger().handlers[0].target
    emit = file.emit
    file.emit = lambda record: (emit(record), written.set())
    writing = threading.Thread(target=logs.write_logs, args=(stop,))
    writing.start()
    logger.info("alone")
    assert written.wait(60)
    stop.set()
    writing.join()
    assert [line.split()[-1] for line in lines()] == ["alone"]


def test_a_time_has_its_zone(said):
    logger, lines = said
    record = logging.LogRecord("prjobs", logging.WARNING, "p", 1, "parked", (), None)
    record.created, record.msecs = 1_655_740_800.25, 250.0
    logger.handle(record)
    assert lines() == [f"2022-06-20 16:00:00.250Z WARNING {threading.current_thread().name} parked"]


def test_the_end_writes_the_rest(said):
    logger, lines = said
    logger.info("last words")
    for handler in logging.getLogger().handlers:
        handler.close()
    assert lines()[0].endswith("last words")


def test_many_lines_do_not_wait_in_memory(said):
    logger, lines = said
    for number in range(logs.KEPT_LINES):
        logger.info("line %d", number)
    assert len(lines()) == logs.KEPT_LINES


def test_a_record_is_one_line_whatever_stands_in_it(said):
    logger, lines = said
    try:
        raise ValueError("one\ntwo\x1b[31m")
    except ValueError:
        logger.exception("a\r\nb\u2028c")
    assert (
        len(lines()) == 1
        and "\x1b" not in lines()[0]
        and "a\\r\\nb\\u2028c" in lines()[0]
        and "one\\ntwo" in lines()[0]
    )


@pytest.fixture
def limited(monkeypatch):
    """The messages that pass a limit of a minute that lasts a second, and the limit."""
    monkeypatch.setattr(logs, "PEER_S", 1.0)
    passed = []
    handler = logging.Handler()
    handler.emit = lambda record: passed.append(record.getMessage())
    limit = logs.PeerLimit()
    handler.addFilter(limit)
    logger = logging.getLogger("prjobs")
    monkeypatch.setattr(logger, "handlers", [handler, handler])
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(logger, "level", logging.INFO)
    yield passed, limit
    logs.note_peer("")


def test_messages_about_one_peer_are_bounded_and_the_rest_is_counted(limited):
    passed, limit = limited
    logger = logging.getLogger("prjobs.test")
    logs.note_peer("10.0.0.1")
    for number in range(5000):
        logger.info("refused %d", number)
    kept = passed.count("refused 7")
    assert kept == 2, "each of two handlers has the message"
    # A busy machine may begin a second minute.
    written = len({line for line in passed if line.startswith("refused")})
    assert written < 2500
    logs.note_peer("")
    wait_for(lambda: (limit.tell(), counted(passed) + written == 5000)[1])
    assert any("requests of 10.0.0.1 (test_logs, line " in line for line in passed)


def counted(lines):
    return sum(int(line.split()[0]) for line in set(lines) if "were left out" in line)


def test_one_peers_messages_do_not_hide_those_of_others_of_another_kind_or_of_prjobs(limited):
    passed, _ = limited
    logger = logging.getLogger("prjobs.test")
    for peer in [*(["10.0.0.1"] * 500), "10.0.0.2"]:
        logs.note_peer(peer)
        logger.info("refused, %s", peer)
    logs.note_peer("10.0.0.1")
    logger.info("another kind")
    logs.note_peer("")
    for number in range(500):
        logger.info("own %d", number)
    assert {"refused, 10.0.0.2", "another kind", *(f"own {number}" for number in range(500))} <= set(passed)


@pytest.mark.slow
def test_many_peers_share_a_limit(limited):
    passed, _ = limited
    logger = logging.getLogger("prjobs.test")
    for number in range(20_000):
        logs.note_peer(f"2001:db8::{number:x}")
        logger.info("refused %d", number)
    assert len(set(passed)) < 10_000


def test_a_very_long_line_is_cut(said):
    logger, lines = said
    logger.warning("begin %s end", "x" * 100_000)
    (line,) = lines()
    assert len(line) < 11_000 and " begin xxx" in line and line.endswith("xxx end")


@pytest.mark.slow
def test_a_flood_of_requests_for_nothing_leaves_the_log_readable(program):
    program.serve()
    with requests.Session() as session:
        for _ in range(1000):
            session.get(f"{program.url}/{'a' * 90}", timeout=60)
    program.stop()
    text = (program.data / "logs" / "prjobs.log").read_text(encoding="utf-8")
    # A busy machine may need several minutes for the flood.
    written = text.count(": 404 ")
    assert written < 600 and "serves http" in text
    left_out = re.findall(r"(\d+) more messages about requests of 127\.0\.0\.1 \(app, line", text)
    assert written + sum(map(int, left_out)) == 1000


def pipe_nobody_reads():
    reading, writing = os.pipe()
    return reading, os.fdopen(writing, "w", encoding="utf-8")


def test_a_screen_that_nobody_reads_holds_up_nobody(tmp_path):
    reading, stream = pipe_nobody_reads()
    screen = logs.Screen(stream)
    screen.setFormatter(logging.Formatter("%(message)s"))
    count = logs.SCREEN_LINES + 2000

    def say():
        for number in range(count):
            screen.handle(
                logging.LogRecord("n", logging.ERROR, "p", 1, f"line %d {'.' * 100} of a pipe", (number,), None)
            )

    saying = threading.Thread(target=say, daemon=True)
    saying.start()
    saying.join(60)
    assert not saying.is_alive()
    read = read_all(reading, lambda: screen.say("the last one"), screen)
    assert read[0].startswith("line 0 ") and read[-1] == "the last one"
    left_out = [int(line.split()[0]) for line in read if line.endswith("were not read in time: see the log file.")]
    assert left_out and sum(left_out) + len([line for line in read if line.endswith("of a pipe")]) == count
    stream.close()


def read_all(reading, then, screen):
    """What comes out of the pipe until the screen was closed; `then` is called once there is room again."""
    lines, closed = [], threading.Event()

    def read():
        with os.fdopen(reading, encoding="utf-8") as pipe:
            for line in pipe:
                lines.append(line.rstrip("\n"))
                if line == "the last one\n":
                    closed.set()
                    return

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    wait_for(screen._lines.empty)
    then()
    assert closed.wait(60)
    screen.close()
    thread.join(60)
    return lines


def test_a_record_that_cannot_be_formatted_breaks_no_request(said):
    logger, lines = said
    for handler in logging.getLogger().handlers[:2]:
        handler.handle(logging.LogRecord("n", logging.ERROR, "p", 1, "%d jobs", ("many",), None))
    logger.error("after it")
    assert lines()[-1].endswith("after it")


@pytest.fixture
def hold(monkeypatch):
    """Keep a file open in a way that forbids a new name: really on Windows, by a refused rename elsewhere."""
    opened, replace = [], Path.replace

    def refuse(path, new):
        if any(str(path) == file.name and not file.closed for file in opened):
            raise PermissionError(13, "in use")
        replace(path, new)

    def hold(path):
        opened.append(path.open(encoding="utf-8"))
        if os.name != "nt":
            monkeypatch.setattr(Path, "rename", refuse)
            monkeypatch.setattr(Path, "replace", refuse)
        return opened[-1]

    yield hold
    for file in opened:
        file.close()


@pytest.mark.parametrize("held", ["prjobs.log", "prjobs.log.1", "prjobs.log.3"])
def test_a_log_file_that_cannot_get_a_new_name_costs_no_other_one(said, monkeypatch, hold, tmp_path, held):
    logger, lines = said
    monkeypatch.setattr(logs, "FILE_BYTES", 1000)
    logging.getLogger().handlers[0].target.maxBytes = 1000
    folder = tmp_path / "logs"
    for number in range(1, logs.FILES + 1):
        (folder / f"prjobs.log.{number}").write_text(f"old {number}\n", encoding="utf-8")
    logger.warning("line 0")
    holding = hold(folder / held)
    for number in range(1, 50):
        logger.warning("line %d", number)

    def found():
        texts = [path.read_text(encoding="utf-8") for path in folder.iterdir()]
        return [int(line.split()[-1]) for text in texts for line in text.splitlines() if "line" in line], "".join(texts)

    numbers, text = found()
    assert sorted(numbers) == list(range(50)) and len(lines()) > 10
    assert [number for number in range(1, logs.FILES) if f"old {number}\n" not in text] == []
    assert ("old 5\n" in text) == (held == "prjobs.log")
    # The numbers go on once the file is free, in order.
    holding.close()
    for number in range(50, 90):
        logger.warning("line %d", number)
    assert len(lines()) < 30 and not (folder / "prjobs.log.0").exists()
    assert max(found()[0]) == 89


def last_line(program):
    return (program.data / "logs" / "prjobs.log").read_text(encoding="utf-8").splitlines()[-1]


@pytest.mark.slow
def test_a_start_that_fails_leaves_its_sentence_in_the_log(program):
    """A task of Windows shows what stderr says to nobody."""
    program.serve()
    again = program.run("serve", "--port", "0")
    assert again.returncode == 1 and again.stderr.count("\n") == 1
    assert again.stderr.removeprefix("prjobs: ").strip() in last_line(program) and " ERROR " in last_line(program)
    program.kill()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = program.run("serve", "--port", str(other.getsockname()[1]))
    assert taken.returncode == 1 and taken.stderr.count("\n") == 1
    assert taken.stderr.removeprefix("prjobs: ").strip() in last_line(program)
    (program.data / "prjobs.toml").write_text("prot = 1\n", encoding="utf-8")
    refused = program.run("serve")
    assert refused.returncode == 1 and "prot" in refused.stderr
    assert refused.stderr.removeprefix("prjobs: ").strip() in last_line(program)


@pytest.mark.slow
def test_a_start_that_a_defect_ends_leaves_the_traceback_in_the_log(program):
    program.run("token", "create", "--user", "u")
    code = (
        "import sys; from prjobs import server; server.Server = lambda *_, **__: 1 / 0;"
        "from prjobs.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    broken = program.run("serve", launcher=("-c", code))
    assert broken.returncode == 1 and "ZeroDivisionError" in broken.stderr
    assert "ZeroDivisionError" in last_line(program) and "Traceback" in last_line(program)


def test_a_start_in_a_folder_that_is_not_there_makes_none_for_its_sentence(program):
    assert program.run("serve", "--port", "70000").returncode == 1
    assert not program.data.exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_program_whose_stderr_nobody_reads_goes_on_and_stops(program):
    program.serve("--min-free-mb", "100000000", "--threads", "4")
    headers = {"Authorization": f"Bearer {program.token()}"}
    with requests.Session() as session:
        for _ in range(1000):
            answer = session.post(f"{program.url}/newjob", json=JOB, headers=headers, timeout=60)
            assert answer.status_code == 507
        assert session.post(f"{program.url}/getnewjobs", data='{"site": "saf"}', timeout=60).json() == []
    program.process.terminate()
    assert program.process.wait(10) == 0
    log = (program.data / "logs" / "prjobs.log").read_text(encoding="utf-8")
    assert log.count(": 507 ") + sum(map(int, re.findall(r"(\d+) more messages", log))) == 1000

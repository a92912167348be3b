"""The log files: nothing said is lost, nothing said can look like two lines."""

import logging
import threading

import pytest

from prjobs import logs
from prjobs.folder import Folder


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
    assert written.wait(20)
    stop.set()
    writing.join()
    assert [line.split()[-1] for line in lines()] == ["alone"]


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

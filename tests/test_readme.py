"""The README is the manual: its tables are made from the declarations, its first two commands are the real ones."""

import re

from tests.readme import README, filled, sections

TEXT = README.read_text(encoding="utf-8")


def test_its_tables_say_what_the_declarations_say():
    assert filled(TEXT) == TEXT, "run `python -m tests.readme`"


def test_every_declaration_has_its_place_and_its_words():
    for marker, content in sections().items():
        assert f"<!-- {marker} -->" in TEXT
        empty = [line for line in content.splitlines()[2:] if re.search(r"\|\s*\|$", line)]
        assert empty == [], f"undocumented in {marker}"


def test_the_two_commands_come_first():
    first, second, *_ = re.findall(r"```sh\n(.*?)\n```", TEXT, re.S)
    assert first == "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/prjobs serve --demo"
    assert second == "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest"
    ci = (README.parent / ".ci" / "run").read_text(encoding="utf-8")
    assert second in ci


def test_every_dependency_has_its_line():
    declared = re.search(r"dependencies = \[(.*?)\]\n\n", (README.parent / "pyproject.toml").read_text(), re.S)
    for name in re.findall(r'"([a-z0-9-]+)', declared[1]):
        assert f"| {name} |" in TEXT or f"| {name}[crypto] |" in TEXT, name

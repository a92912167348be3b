"""README and manual: tables as the declarations say, links that lead somewhere, commands and code that work."""

import re
import shlex

import pytest
import requests

from prjobs.base.manual import SECTIONS
from prjobs.base.notices import Code
from prjobs.base.settings_sources import FILE_NAME, load_settings
from prjobs.cli.commands import build_parser
from prjobs.monitor.alarms import WHAT_TO_DO
from prjobs.web.manual import anchor_of, pages
from prjobs.web.pages import CONTENT_TYPES
from tests.readme import MANUAL, README, ROOT, STATIC, blocks, documents, filled, sample, sections
from tests.verbs import make_token

DOCUMENTS = documents()
TEXT = README.read_text(encoding="utf-8")
each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)


# ---- the tables


@each_document
def test_the_tables_say_what_the_declarations_say(path):
    text = path.read_text(encoding="utf-8")
    assert filled(text) == text, "run `python -m tests.readme`"


def test_every_declaration_has_its_place_and_its_words():
    for marker, content in sections().items():
        assert sum(f"<!-- {marker} -->" in path.read_text(encoding="utf-8") for path in DOCUMENTS) == 1, marker
        empty = [line for line in content.splitlines()[2:] if re.search(r"\|\s*\|$", line)]
        assert empty == [], f"undocumented in {marker}"


def test_every_dependency_has_its_line():
    declared = re.search(r"dependencies = \[(.*?)\]\n\n", (ROOT / "pyproject.toml").read_text(), re.S)
    told = (MANUAL / "how-it-works.md").read_text(encoding="utf-8")
    for name in re.findall(r'"([a-z0-9-]+)', declared[1]):
        assert f"| {name} |" in told or f"| {name}[crypto] |" in told, name


# ---- the README


def test_the_two_commands_come_first():
    first, second, *_ = blocks(TEXT, "sh")
    assert first.strip() == "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/prjobs serve --demo"
    assert second.strip() == "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest"
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert second.strip() in ci


def test_the_readme_is_short_and_names_files_that_are_there():
    assert len(TEXT.splitlines()) <= 180
    named = re.findall(r"`((?:prjobs|static|tests)/[\w/.]*|prjobs\.py|\.ci/run)`", TEXT)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_its_picture_is_small():
    (name,) = re.findall(r"!\[.+\]\((.+)\)", TEXT)
    assert (ROOT / name).stat().st_size < 150_000


# ---- the manual


def test_the_index_links_to_every_page_and_no_anchor_is_there_twice():
    assert {path.stem for path in MANUAL.glob("*.md")} == set(pages())
    for page in pages().values():
        anchors = [section.anchor for section in page.sections]
        assert sorted(set(anchors)) == sorted(anchors), page.name
        assert [section.level for section in page.sections].count(1) == 1 and page.sections[0].level == 1


def test_no_page_holds_raw_html():
    for path in DOCUMENTS:
        text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
        text = re.sub(r"`[^`]*`", "", text)
        assert re.findall(r"<(?!!-- (?:\w+) -->)[^>]*>", text) == [], path.name


@each_document
def test_every_link_leads_somewhere(path):
    text = re.sub(r"`[^`]*`", "", path.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = path.parent / name if name else path
        assert file.is_file(), target
        if anchor:
            assert anchor in {section.anchor for section in pages()[file.stem].sections}, target
        # What leads out of the manual leads nowhere where the appliance shows it.
        assert path == README or file.parent == MANUAL, target


def manual_links():
    """(file, page, anchor) of every link from the program and its pages into the manual."""
    for path in [*(ROOT / "prjobs").rglob("*.py"), *STATIC.glob("*.*")]:
        if path.suffix in (".py", ".js", ".html"):
            for found in re.finditer(
                r"(?<![\w./])/?manual/([a-z-]+)(?:#([\w-]+))?(?![\w./-])", path.read_text("utf-8")
            ):
                yield path, found[1], found[2]


def test_every_link_of_the_program_into_the_manual_leads_somewhere():
    wrong = [
        (path.name, name, anchor)
        for path, name, anchor in manual_links()
        if name not in pages() or (anchor and anchor not in {one.anchor for one in pages()[name].sections})
    ]
    assert wrong == []


def test_every_notice_and_alarm_has_a_section_and_every_section_is_there():
    assert {*Code, *WHAT_TO_DO} <= SECTIONS.keys()
    for code, section in SECTIONS.items():
        name, _, anchor = section.partition("#")
        assert anchor in {one.anchor for one in pages()[name].sections}, code


def test_anchors_are_those_of_the_repository():
    assert anchor_of("Lists of more than 8 MB") == "lists-of-more-than-8-mb"
    assert anchor_of("The cloud's clock differs") == "the-clouds-clock-differs"


# ---- static files


def test_the_first_comment_of_each_static_file_says_what_it_is_for():
    for path in [*STATIC.glob("*.*"), MANUAL / "page.html"]:
        if path.suffix in CONTENT_TYPES and path.suffix != ".png":
            text = path.read_text(encoding="utf-8").removeprefix("<!doctype html>\n")
            assert re.match(r"(?://|/\*|<!--) \S+ \S+ \S+", text), path.name


# ---- what is shown works


def commands():
    """Every `prjobs …` of a block for a terminal, and every one in a sentence that has no holes."""
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for block in blocks(text, "sh", "bat"):
            for line in block.replace("\\\n", " ").replace("\n  ", " ").splitlines():
                for part in re.split(r" && | \| | >>? |;", line):
                    if re.match(r"(?:\S*[/\\])?prjobs ", part):
                        yield path.name, part
        for inline in re.findall(r"`(prjobs [^`]+)`", re.sub(r"^```.*?^```$|^\|[^\n]*$", "", text, flags=re.S | re.M)):
            if "…" not in inline and not re.search(r"\b[A-Z]{2,}\b", inline):
                yield path.name, inline


@pytest.mark.parametrize(("name", "command"), sorted(set(commands())))
def test_every_command_is_one(name, command):
    words = shlex.split(command.replace("\n", " "))[1:]
    try:
        build_parser().parse_args(words)
    except SystemExit as ended:
        assert ended.code == 0, command


# They run until they are stopped, need a link to a cloud, an address or a stopped server, or hold other commands back;
# other tests run them.
NOT_HERE = ("serve", "simulate", "observe", "watch", "cloud", "import", "restore", "notify", "lock", "unlock", "move")
# They need the manager of services; tests/test_service_installed.py runs them.
OF_A_SERVICE = ("install", "remove", "start", "stop", "status")


@pytest.mark.slow
def test_every_command_works_beside_a_running_server(program, tmp_path):
    program.serve()
    shown = sorted({" ".join(command.split()) for _, command in commands()})
    run = [command for command in shown if command.split()[1] not in NOT_HERE]
    run = [command for command in run if command.split()[1] != "service" or command.split()[2] not in OF_A_SERVICE]
    # A reservation is for a user who has a token.
    run.sort(key=lambda command: "token create" not in command)
    assert len(run) > 15
    for command in run:
        done = program.run(*shlex.split(command)[1:], data="--help" not in command, cwd=tmp_path)
        assert done.returncode == 0, (command, done.stdout, done.stderr)


@each_document
def test_every_table_of_settings_is_taken(path, tmp_path):
    for block in blocks(path.read_text(encoding="utf-8"), "toml"):
        if block.startswith("# observe.toml"):
            continue  # tests/observing/test_configuration.py reads those.
        (tmp_path / FILE_NAME).write_text(block, encoding="utf-8")
        _, origins = load_settings(tmp_path, {})
        assert any(origin.source.endswith(FILE_NAME) for origin in origins.values())


def test_every_smaller_sample_for_programs_runs(server, token, capsys):
    job = {"site": "saf", "device": "mount", "instance": "mount1", "action": "go", "user_id": "auth0|alice"}
    job |= {"user_name": "Alice A.", "required_params": {}, "optional_params": {}}
    sent = requests.post(f"{server.url}/newjob", json=job, headers={"Authorization": f"Bearer {token}"}).json()
    found = blocks((MANUAL / "program.md").read_text(encoding="utf-8"), "python")
    others = [one for one in found if one != sample()]
    assert len(others) == len(found) - 1 > 0
    for one in others:
        exec(compile(one.replace("http://127.0.0.1:8642", server.url), "program.md", "exec"), {})
        assert f"UNREAD#{sent['ulid']} mount go" in capsys.readouterr().out


def test_the_request_that_is_shown_for_curl_sends_a_job(server):
    (sample,) = [block for block in blocks((MANUAL / "program.md").read_text("utf-8"), "sh") if "curl" in block]
    words = shlex.split(sample)
    address, body = words[3].replace("http://127.0.0.1:8642", server.url), words[5]
    alice = make_token(server.appliance, "auth0|alice")
    answer = requests.post(address, data=body, headers={"Authorization": f"Bearer {alice}"})
    assert answer.status_code == 200, answer.text

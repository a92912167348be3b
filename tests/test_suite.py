"""Rules of the tests themselves."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
MODULES = sorted(TESTS.rglob("test_*.py"))
NAMES = {path.name for path in MODULES}
each_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(TESTS)))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> set[str]:
    """Return the full names of what a module imports, wherever it does."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def names_in(tree: ast.AST) -> str:
    return " ".join(ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name))


def asserts(test: ast.FunctionDef) -> bool:
    """Return True if a test has an assertion, of its own or by a function that says so."""
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and re.search("assert|check|raises", ast.unparse(node.func)))
        for node in ast.walk(test)
    )


@each_module
def test_what_tests_share_is_in_no_module_of_tests(path: Path) -> None:
    """Fixtures are in conftest.py, functions in modules named after what they hold."""
    last = {name.rpartition(".")[2] for name in imported(parsed(path))}
    assert [name for name in last if name == "conftest" or (name.startswith("test_") and f"{name}.py" in NAMES)] == []


@each_module
def test_every_test_asserts(path: Path) -> None:
    tests = [
        node
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not asserts(node)
    ]
    assert [test.name for test in tests] == []


@each_module
def test_no_test_takes_the_time(path: Path) -> None:
    """How long something took says more about the machine than about the program; `tests/bench` measures."""
    assert (
        re.findall(r"\b(monotonic|perf_counter|process_time|timeit|elapsed\.total_seconds)\b", names_in(parsed(path)))
        == []
    )


@pytest.mark.slow
def test_every_module_can_be_collected_on_windows() -> None:
    """An import of a module of POSIX at the top would end the README's command there before the first test."""
    posix = {"fcntl", "grp", "pty", "pwd", "resource", "termios"}
    found = {
        str(path.relative_to(TESTS)): sorted(names)
        for path in TESTS.rglob("*.py")
        if (names := posix & set().union(*map(imported, of_top(parsed(path)))))
    }
    assert found == {}


def of_top(tree: ast.Module) -> list[ast.stmt]:
    return [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]

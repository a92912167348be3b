"""Rules of the tests themselves."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
MODULES = sorted(TESTS.rglob("test_*.py"))
NAMES = {path.name for path in MODULES}


def imported(tree: ast.AST) -> set[str]:
    """Return the full names of what a module imports, wherever it does."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(TESTS)))
def test_what_tests_share_is_in_no_module_of_tests(path: Path) -> None:
    """Fixtures are in conftest.py, functions in modules named after what they hold."""
    last = {name.rpartition(".")[2] for name in imported(ast.parse(path.read_text(encoding="utf-8")))}
    assert [name for name in last if name == "conftest" or (name.startswith("test_") and f"{name}.py" in NAMES)] == []

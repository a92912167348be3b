"""The words of prjobs and of Python: all other words of a line of the log may be names or secrets of people."""

import ast
import builtins
import errno
import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import prjobs

WORD = re.compile(r"\w+")
# The demo has names of invented users; migrations hold SQL of tables alone.
_LEFT_OUT = ("demo",)


@cache
def vocabulary() -> frozenset[str]:
    """Return the words in small letters: of the package's texts and names, of Python, of the system's errors."""
    found = {"mainthread", *sys.stdlib_module_names, *dir(builtins), *dir(sqlite3)}
    found |= {word for code in errno.errorcode for word in (errno.errorcode[code], *_words(os.strerror(code)))}
    root = Path(prjobs.__file__).parent
    for path in root.rglob("*.py"):
        if path.relative_to(root).parts[0] not in _LEFT_OUT:
            found |= {path.stem, *_words_of(path)}
    return frozenset(word.casefold() for word in found)


def _words(text: str) -> list[str]:
    return WORD.findall(text)


def _words_of(path: Path) -> Iterator[str]:
    """Yield the words of the texts, and the names of functions and classes, in a module."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _words(node.value)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name

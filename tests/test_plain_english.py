"""Plain English in the docstrings: few pronouns, and openings with a verb or a noun instead of What, Whether or How.

A pronoun sends the reader back to look for the noun; an opening with What or How describes a thing without naming it.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import prjobs

PACKAGE = Path(prjobs.__file__).parent
PRONOUNS_PER_100_WORDS = 4.0
OPENINGS_PERCENT = 2.0
SHOWN = 15
_PRONOUNS = """
it its that this these those them they one ones what which who whose whatever whoever others another both either
neither nothing nobody something somebody anybody
"""
PRONOUNS = frozenset(_PRONOUNS.split())
OPENING = re.compile(r"(What|Whether|How|Who|Whose|Which|When|Where|Why|Whatever|Those|Whoever)\b")
WORD = re.compile(r"[a-z']+")


class Docstring(NamedTuple):
    """A docstring, with the file and line of its module, class or function."""

    place: str
    text: str

    @property
    def words(self) -> list[str]:
        """Return the words in small letters."""
        return WORD.findall(self.text.lower())

    @property
    def pronouns(self) -> list[str]:
        """Return the words that are pronouns."""
        return [word for word in self.words if word in PRONOUNS]

    def __str__(self) -> str:
        return f"{self.place}: {' '.join(self.text.split())[:160]}"


def docstrings(source: str, name: str) -> Iterator[Docstring]:
    """Yield the docstrings of a module and of its classes and functions."""
    for node in ast.walk(ast.parse(source)):
        is_documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if is_documented and (text := ast.get_docstring(node)):
            yield Docstring(f"{name}:{getattr(node, 'lineno', 1)}", text)


def of_package() -> list[Docstring]:
    """Return the docstrings of the package; migrations are never edited, and are left out."""
    files = [path for path in sorted(PACKAGE.rglob("*.py")) if "migrations" not in path.parts]
    return [
        found
        for path in files
        for found in docstrings(path.read_text(encoding="utf-8"), path.relative_to(PACKAGE.parent).as_posix())
    ]


def complaint(found: list[Docstring]) -> str:
    """Return the figures over their limit, each with the worst docstrings; an empty text when all is well."""
    words = sum(len(one.words) for one in found)
    pronouns = 100 * sum(len(one.pronouns) for one in found) / words
    openings = [one for one in found if OPENING.match(one.text)]
    lines = []
    if pronouns > PRONOUNS_PER_100_WORDS:
        lines.append(
            f"{pronouns:.1f} pronouns in 100 words of docstrings, {PRONOUNS_PER_100_WORDS:g} allowed. Use nouns:"
        )
        # The number above the allowed share: a long docstring with one pronoun is no offender.
        excess = {one: len(one.pronouns) - len(one.words) * PRONOUNS_PER_100_WORDS / 100 for one in found}
        worst = sorted(found, key=excess.__getitem__, reverse=True)[:SHOWN]
        lines += [f"  {', '.join(one.pronouns)} in {one}" for one in worst if excess[one] > 0]
    percent = 100 * len(openings) / len(found)
    if percent > OPENINGS_PERCENT:
        lines.append(
            f"{percent:.1f} % of docstrings open with What, Whether, How …; {OPENINGS_PERCENT:g} % allowed. Use a verb:"
        )
        lines += [f"  {one}" for one in openings[:SHOWN]]
    return "\n".join(lines)


def test_docstrings_are_plain_english() -> None:
    found = of_package()
    assert len(found) > 1000
    assert not (said := complaint(found)), said


GOOD = '"""Count jobs."""\n\n\ndef count(site):\n    """Return the number of jobs of a site."""\n'
PRONOUNCED = 'def left(jobs):\n    """Return those of them that it had when this one came."""\n'
OPENED = (
    'class Late:\n    """Whether a job is late."""\n\n    async def age(self):\n        """How old the job is."""\n'
)


def test_plain_english_is_told_from_riddles() -> None:
    assert complaint(list(docstrings(GOOD, "good.py"))) == ""
    pronounced = complaint(list(docstrings(GOOD + PRONOUNCED, "bad.py")))
    assert "pronouns in 100 words" in pronounced and "those, them, that, it, this, one in bad.py:6" in pronounced
    assert "good" not in pronounced and "bad.py:1" not in pronounced and "% of docstrings open" not in pronounced
    opened = complaint(list(docstrings(OPENED, "bad.py")))
    assert "100.0 % of docstrings open" in opened and "bad.py:1: Whether" in opened and "bad.py:4: How" in opened
    assert "pronouns in 100 words" not in opened

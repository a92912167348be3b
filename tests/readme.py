"""The parts of the README and the manual that are made from declarations. `python -m tests.readme` writes them."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from prjobs.base.errors import Refused
from prjobs.base.manual import SECTIONS
from prjobs.base.notices import QUIET, Code
from prjobs.base.settings_sources import reference
from prjobs.cli.commands import build_parser
from prjobs.web.app import ROUTES
from prjobs.web.contract import DESCRIBED
from prjobs.web.manual import anchor_of, pages
from prjobs.web.metrics import METRICS
from prjobs.web.metrics_of_hub import HUB_METRICS
from tests import api_page

ROOT = Path(__file__).parent.parent
STATIC = ROOT / "static"
README = ROOT / "README.md"
MANUAL = STATIC / "manual"


def documents() -> list[Path]:
    """Return the README and the pages of the manual."""
    return [README, *sorted(MANUAL.glob("*.md"))]


def blocks(text: str, *languages: str) -> list[str]:
    """Return the blocks of code of a document that are in these languages."""
    return re.findall(rf"^```(?:{'|'.join(languages)})\n(.*?)^```$", text, re.S | re.M)


def sections() -> dict[str, str]:
    """Marker -> what stands between `<!-- marker -->` and `<!-- end -->`."""
    return {
        "settings": _settings(),
        "commands": _commands(),
        "routes": _routes(),
        "errors": _errors(),
        "metrics": _metrics(),
        "quiet": _quiet(),
        "authentication": api_page.authentication(),
        "headers": api_page.headers(),
        "endpoints": f"\n{api_page.endpoints()}\n",
        "structures": f"\n{api_page.structures()}\n",
        "sample": f"```python\n{sample()}```",
    }


def sample() -> str:
    """Return the sample program of the README."""
    (program,) = blocks(README.read_text(encoding="utf-8"), "python")
    return program


def _table(heads: str, rows: list[str]) -> str:
    return "\n".join([f"| {heads} |", "|---" * (heads.count("|") + 1) + "|", *rows])


def _settings() -> str:
    rows = [f"| `{name}` | {_value(default)} | {description} |" for name, default, description in reference()]
    return _table("setting | default | what it is", rows)


def _value(default: object) -> str:
    text = ",".join(default) if isinstance(default, list) else str(default)
    return f"`{text}`" if text else "none"


def _commands() -> str:
    lines = []
    for name, parser, text in leaves("prjobs", build_parser(), ""):
        usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
        if name == "prjobs serve":
            usage = "prjobs serve [--data DIR] [--demo] [--SETTING VALUE …]"
        usage = usage.replace("[-h] ", "").replace(" [-h]", "")
        lines.append(f"| `{usage.replace('|', chr(92) + '|')}` | {text} |")
    return _table("command | what it does", lines)


def leaves(name: str, parser: argparse.ArgumentParser, text: str) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """(full name, parser, help) of every command that does something."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        yield name, parser, text
    for action in inner:
        helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for word, child in action.choices.items():
            yield from leaves(f"{name} {word}", child, helps.get(word, ""))


def _routes() -> str:
    rows = []
    for route in [*DESCRIBED, *ROUTES]:
        name = f"{route.method} {route.path.replace('<', '').replace('>', '')}"
        rows.append(f"| [`{name}`](#{anchor_of(name)}) | {_first(route.handler.__doc__)} |")
    return _table("route | what it does", rows)


def _errors() -> str:
    kinds = sorted(Refused.__subclasses__(), key=lambda kind: kind.status)
    rows = [f"| {kind.status} | `{kind.code}` | {_first(kind.__doc__)} |" for kind in kinds]
    return _table("status | code | when", rows)


def _metrics() -> str:
    rows = []
    for one in METRICS + HUB_METRICS:
        labels = ", ".join(f"`{label}`" for label in one.labels)
        rows.append(f"| `{one.name}` | {one.kind}{f' by {labels}' if labels else ''} | {one.help} |")
    return _table("metric | kind and labels | what it is", rows)


def _quiet() -> str:
    """Return the notices without a sound, each with the section of the manual."""
    rows = []
    for code in Code:
        if code in QUIET:
            page, _, anchor = SECTIONS[code].partition("#")
            (title,) = [one.title for one in pages()[page].sections if one.anchor == anchor]
            rows.append(f"| `{code}` | [{title}]({page}.md#{anchor}) |")
    return _table("notice without a sound | what it is about", rows)


def _first(text: str | None) -> str:
    return (text or "").strip().splitlines()[0].rstrip(".")


def filled(text: str) -> str:
    """Return a document with its made parts made anew."""
    for marker, content in sections().items():
        text = re.sub(
            rf"(<!-- {marker} -->\n).*?(<!-- end -->)",
            lambda match, content=content: f"{match[1]}{content}\n{match[2]}",
            text,
            flags=re.S,
        )
    return text


if __name__ == "__main__":
    for path in documents():
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")

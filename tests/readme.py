"""The parts of the README that are made from declarations. `python -m tests.readme` writes them; a test compares."""

import argparse
import re
from pathlib import Path

from prjobs.base.settings import reference
from prjobs.cli import build_parser
from prjobs.web.app import ROUTES
from prjobs.web.contract import ENDPOINTS
from prjobs.web.pages import load_files

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def sections() -> dict[str, str]:
    """Marker -> what stands between `<!-- marker -->` and `<!-- end -->`."""
    return {"settings": _settings(), "commands": _commands(), "routes": _routes(), "static": _static()}


def _settings() -> str:
    rows = [f"| `{name}` | {_value(default)} | {description} |" for name, default, description in reference()]
    return "\n".join(["| setting | default | what it is |", "|---|---|---|", *rows])


def _value(default: object) -> str:
    return f"`{','.join(default) if isinstance(default, list) else default}`" if default != [] else "none"


def _commands() -> str:
    lines = []
    for name, parser, text in _leaves("prjobs", build_parser(), ""):
        usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
        if name == "prjobs serve":
            usage = "prjobs serve [--data DIR] [--demo] [--SETTING VALUE …]"
        usage = usage.replace("[-h] ", "").replace(" [-h]", "")
        lines.append(f"| `{usage.replace('|', chr(92) + '|')}` | {text} |")
    return "\n".join(["| command | what it does |", "|---|---|", *lines])


def _leaves(name: str, parser: argparse.ArgumentParser, text: str):
    """(full name, parser, help) of every command that does something."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        yield name, parser, text
    for action in inner:
        helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for word, child in action.choices.items():
            yield from _leaves(f"{name} {word}", child, helps.get(word, ""))


def _routes() -> str:
    contract = [("POST", f"/{name}", handler) for name, handler in ENDPOINTS.items()]
    rows = [
        f"| `{method} {path.replace('<', '').replace('>', '')}` | {_first(handler.__doc__)} |"
        for method, path, handler in [*contract, *ROUTES]
    ]
    return "\n".join(["| route | what it does |", "|---|---|", *rows])


def _first(text: str | None) -> str:
    return (text or "").strip().splitlines()[0].rstrip(".")


def _static() -> str:
    rows = [f"| `{name}` | {_purpose(content.decode())} |" for name, (_, content) in load_files().items()]
    return "\n".join(["| file | what it is for |", "|---|---|", *rows])


def _purpose(text: str) -> str:
    """The first sentence of the comment that opens a file."""
    if match := re.match(r"((?://[^\n]*\n)+)", text):
        comment = match[1].replace("//", " ")
    else:
        found = re.search(r"/\*(.*?)\*/|<!--(.*?)-->", text, re.S)
        comment = (found[1] or found[2]) if found else ""
    return re.split(r"(?<=[a-z)])\.(?:\s|$)", " ".join(comment.split()))[0].replace("|", "\\|")


def filled(text: str) -> str:
    """The README with its made parts made anew."""
    for marker, content in sections().items():
        text = re.sub(
            rf"(<!-- {marker} -->\n).*?(<!-- end -->)",
            lambda match, content=content: f"{match[1]}{content}\n{match[2]}",
            text,
            flags=re.S,
        )
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")

"""The files of the page keep to its rules."""

import re
from typing import Any

import pytest

from tests.page.calling import STATIC

# ---- the folder

COLOUR = re.compile(r"#([0-9a-f]{3,8})\b|rgba?\(([^)]*)\)|hsla?\(", re.IGNORECASE)


def green_and_blue(colour: re.Match[str]) -> list[int]:
    if colour[1]:
        return [int(colour[1][2:4], 16), int(colour[1][4:6], 16)]
    return [int(channel) for channel in (colour[2] or "1 1 1").split("/")[0].split()[1:3]]


def test_no_colour_of_the_red_theme_has_green_or_blue() -> None:
    block = re.search(r'data-theme="red"\]\s*{(.*?)}', (STATIC / "theme.css").read_text(), re.DOTALL)
    assert block
    drawings = [(STATIC / name).read_text() for name in ("favicon-red.svg", "pointer-red.svg")]
    colours = [found for text in (block[1], *drawings) for found in COLOUR.finditer(text)]
    assert len(colours) > 30
    assert [found[0] for found in colours if green_and_blue(found) != [0, 0]] == []


def test_the_dimmer_levels_of_red_are_red_and_complete() -> None:
    text = (STATIC / "theme.css").read_text()
    full = re.search(r'data-theme="red"\]\s*{(.*?)}', text, re.DOTALL)
    levels = re.findall(r'data-theme="red"\]\[data-level="(\d)"\]\s*{(.*?)}', text, re.DOTALL)
    assert full and [level for level, _ in levels] == ["2", "3"]
    for _, block in levels:
        assert re.findall(r"(--[\w-]+):", block) == re.findall(r"(--[\w-]+):", full[1])
        assert [found[0] for found in COLOUR.finditer(block) if green_and_blue(found) != [0, 0]] == []


def test_no_sheet_but_the_theme_s_names_a_colour() -> None:
    allowed = {"#000000", "rgb(0 0 0 / 22%)"}
    # The night log is printed, and has its own sheet.
    for sheet in {*STATIC.glob("*.css")} - {STATIC / "night.css"}:
        # Paper is white in every theme.
        named = {found[0] for found in COLOUR.finditer(sheet.read_text().partition("@media print")[0])}
        assert sheet.name == "theme.css" or named <= allowed, sheet.name


def luminance(colour: str) -> float:
    """Reckon the relative luminance of "#rrggbb" as WCAG 2.2 defines it, 0 (black) to 1 (white)."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["day", "dark", "red"])
def test_text_can_be_read_on_every_ground_also_under_the_pointer(theme: str) -> None:
    block = re.search(rf'data-theme="{theme}"\]\s*{{(.*?)}}', (STATIC / "theme.css").read_text(), re.DOTALL)
    assert block
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})\b", block[1]))
    phases = ["waiting", "picked-up", "running", "done", "failed", "gone"]
    words = ["text", "soft", "link", *phases, "idle", "busy", "stopping", "alarm"]
    pairs = [(word, ground) for word in words for ground in ("ground", "panel", "sunk", "hover")]
    pairs += [("on-alarm", "alarm"), ("on-strip", "strip"), ("strip-soft", "strip"), ("on-select", "select")]
    # What WCAG AA asks of text that is not large.
    assert [pair for pair in pairs if contrast(colours[pair[0]], colours[pair[1]]) < 4.5] == []


def test_every_theme_has_every_colour() -> None:
    blocks = re.findall(r'data-theme="(\w+)"\]\s*{(.*?)}', (STATIC / "theme.css").read_text(), re.DOTALL)
    names = {theme: set(re.findall(r"(--[\w-]+):", block)) for theme, block in blocks}
    assert set(names) == {"day", "dark", "red"}
    assert names["day"] == names["dark"] == names["red"]
    used = {name for sheet in STATIC.glob("*.css") for name in re.findall(r"var\((--[\w-]+)", sheet.read_text())}
    own = {name for sheet in STATIC.glob("*.css") for name in re.findall(r"(--[\w-]+):", sheet.read_text())}
    assert used - own <= {"--x", "--y", "--done", "--rows-px"}, "colours that nobody sets"


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_a_module_says_what_it_is_for_and_keeps_to_the_rules(path: Any) -> None:
    text = path.read_text()
    assert text.startswith("// ") and len(text.splitlines()) < 300
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|\bconfirm\(|\balert\(|\.title\s*=", text
    )


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.html")), ids=lambda path: path.name)
def test_a_page_has_nothing_inline_and_nothing_from_outside(path: Any) -> None:
    text = path.read_text()
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script>|javascript:|https?://|\stitle=", text)
    for name in re.findall(r'(?:src|href)="static/([^"]+)"', text):
        assert (STATIC / name).is_file(), name

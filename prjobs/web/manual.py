"""The manual: the Markdown pages of static/manual/ as web pages, and the search over them.

Everybody may read it: the text is public, and help is needed most when a login does not work.
"""

import html
import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

import msgspec
from bottle import request

from prjobs.appliance import Appliance
from prjobs.base.errors import NotFound
from prjobs.web.endpoint import HTML, Answer, Needs, Route
from prjobs.web.pages import reply_page, static_folder

if TYPE_CHECKING:
    from markdown_it.token import Token

INDEX = "index"
MAX_TERMS = 8
MAX_RESULTS = 30
TEXTS = 3
EXCERPT = 330
BEFORE = 110
SHORT = 24
NOTHING_FOUND = "No section of the manual has all of these words. Search for fewer words, or for parts of them."
_MARKER = re.compile(r"^<!-- .* -->\n", re.M)
_PAGE_LINK = re.compile(r"(?:([a-z-]+)\.md)?(#.*)?")
# Where a long name may go on in the next line.
_JOINT = re.compile(r"(?<=\w)[_/,](?=\w)")
_OPTION = re.compile(r"\[?--[\w-]+")
_NOT_IN_ANCHOR = re.compile(r"[^\w\- ]")


class Section(msgspec.Struct, frozen=True):
    """A heading with the texts under it, a text for each paragraph, item, row of a table and block of code."""

    anchor: str
    title: str
    level: int
    texts: list[str] = msgspec.field(default_factory=list)


class Page(msgspec.Struct, frozen=True):
    """A page of the manual."""

    name: str
    title: str
    body: str
    sections: list[Section]

    @property
    def address(self) -> str:
        """The path of the page on this server."""
        return address_of(self.name)


def address_of(name: str) -> str:
    """Return the path of a page on this server."""
    return "/manual" if name == INDEX else f"/manual/{name}"


def anchor_of(title: str) -> str:
    """Return the anchor of a heading, the same as where the repository is read."""
    return _NOT_IN_ANCHOR.sub("", title.lower()).replace(" ", "-")


@cache
def pages() -> dict[str, Page]:
    """Return all pages by name, in the order in which the index links to them."""
    index = _rendered(INDEX)
    names = dict.fromkeys(re.findall(r'href="/manual/([a-z-]+)"', index.body))
    return {INDEX: index, **{name: _rendered(name) for name in names}}


@cache
def _frame() -> str:
    return (static_folder() / "manual" / "page.html").read_text(encoding="utf-8")


# ---- from Markdown to a page


def _rendered(name: str) -> Page:
    # Imported with the first look at the manual: a start is a twentieth faster without it.
    from markdown_it import MarkdownIt

    text = (static_folder() / "manual" / f"{name}.md").read_text(encoding="utf-8")
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(_MARKER.sub("", text))
    for token in tokens:
        _dress(token)
    sections = list(_sections(tokens))
    for section, opening in zip(sections, [token for token in tokens if token.type == "heading_open"], strict=True):
        opening.attrSet("id", section.anchor)
    markdown.add_render_rule("fence", _block)
    markdown.add_render_rule("code_inline", _name)
    return Page(name, sections[0].title, markdown.renderer.render(tokens, markdown.options, {}), sections)


def _dress(token: "Token") -> None:
    """Add to an element what the page needs of it."""
    if token.type == "th_open":
        token.attrSet("scope", "col")
    for child in token.children or []:
        if child.type == "link_open" and (link := _PAGE_LINK.fullmatch(str(child.attrs["href"]))):
            child.attrSet("href", (address_of(link[1]) if link[1] else "") + (link[2] or ""))


def _block(_renderer: object, tokens: Sequence["Token"], at: int, *_: object) -> str:
    """Return a block of code that the keyboard can scroll."""
    return f'<pre tabindex="0"><code>{html.escape(tokens[at].content, quote=False)}</code></pre>\n'


def _name(_renderer: object, tokens: Sequence["Token"], at: int, *_: object) -> str:
    """Return a name or command within a text: a short one stays whole where there is room."""
    written = html.escape(tokens[at].content, quote=False)
    broken = _OPTION.sub(r'<span class="option">\g<0></span>', _JOINT.sub(r"\g<0><wbr>", written))
    kind = ' class="short"' if len(written) <= SHORT else ""
    return f"<code{kind}>{broken}</code>"


def _sections(tokens: Sequence["Token"]) -> Iterable[Section]:
    section: Section | None = None
    row: list[str] = []
    for before, token in zip([None, *tokens], tokens, strict=False):
        if before is not None and before.type == "heading_open":
            if section:
                yield section
            title = _plain(token)
            section = Section(anchor_of(title), title, int(before.tag[1:]))
        elif section is None:
            continue
        elif token.type in ("tr_open", "tr_close"):
            section.texts.extend([" · ".join(row)] if row else [])
            row = []
        elif token.type == "inline" and before and before.type in ("td_open", "th_open"):
            row.append(_plain(token))
        elif token.type in ("inline", "fence"):
            section.texts.append(_plain(token))
    if section:
        yield section


def _plain(token: "Token") -> str:
    if token.type != "inline":
        return " ".join(token.content.split())
    return "".join(" " if child.type in ("softbreak", "hardbreak") else child.content for child in token.children or [])


# ---- the search


class Result(msgspec.Struct, frozen=True):
    """A section with all words of a query, its best texts, and its rank: words in the heading, a short heading, words
    in one text."""

    page: Page
    section: Section
    texts: list[str]
    rank: tuple[int, ...]


def search(query: str) -> list[Result]:
    """Return the sections in which all words of the query occur, the best first."""
    terms = _terms(query)
    found = [
        result
        for page in pages().values()
        if page.name != INDEX
        for section in page.sections
        if (result := _result(page, section, terms))
    ]
    return sorted(found, key=lambda result: result.rank, reverse=True)[:MAX_RESULTS]


def _terms(query: str) -> list[str]:
    return list(dict.fromkeys(query.casefold().split()))[:MAX_TERMS]


def _result(page: Page, section: Section, terms: list[str]) -> Result | None:
    title, page_title = section.title.casefold(), page.title.casefold()
    in_title = [term for term in terms if term in title]
    in_texts = [[term for term in terms if term in text.casefold()] for text in section.texts]
    here = {*in_title, *chain(*in_texts)}
    if not here or any(term not in here and term not in page_title for term in terms):
        return None
    best = sorted(range(len(in_texts)), key=lambda at: -len(in_texts[at]))[:TEXTS]
    texts = [section.texts[at] for at in best if in_texts[at]] or section.texts[:1]
    together = len(in_texts[best[0]]) if best else 0
    return Result(page, section, texts, (len(in_title), -len(title) if in_title else 0, together))


def _excerpt(text: str, terms: list[str]) -> str:
    """Return the part of a text around the first of the words, with all of them marked, as HTML."""
    words = re.compile("|".join(re.escape(term) for term in sorted(terms, key=len, reverse=True)), re.I)
    first = words.search(text)
    start = 0
    if first and len(text) > EXCERPT and first.start() > BEFORE:
        start = text.rfind(" ", 0, first.start() - BEFORE) + 1
    end = start + EXCERPT
    shown = text[start:end]
    pieces, at = [], 0
    for match in words.finditer(shown):
        pieces += [html.escape(shown[at : match.start()]), f"<mark>{html.escape(match[0])}</mark>"]
        at = match.end()
    pieces.append(html.escape(shown[at:]))
    return ("… " if start else "") + "".join(pieces) + (" …" if end < len(text) else "")


# ---- the pages around the text


def _page_body(page: Page) -> str:
    order = list(pages().values())
    at = order.index(page)
    around = [
        f'<a rel="{rel}" href="{order[beside].address}">{word} {html.escape(order[beside].title)}</a>'
        for rel, word, beside in (("prev", "Back:", at - 1), ("next", "Next:", at + 1))
        if 0 <= beside < len(order)
    ]
    heading, end, rest = page.body.partition("</h1>\n")
    contents = _contents(page)
    if contents:
        contents = f'<details class="contents"><summary>On this page</summary>{contents}</details>\n'
    beside = f'<nav class="around" aria-label="Beside this page">{"".join(around)}</nav>'
    return f"{heading}{end}{contents}{rest}{beside}"


def _contents(page: Page) -> str:
    """Return the table of contents of a page; the index is one itself."""
    sections = [section for section in page.sections if section.level == 2 and page.name != INDEX]
    items = [f'<li><a href="#{section.anchor}">{html.escape(section.title)}</a></li>' for section in sections]
    return f"<ol>{''.join(items)}</ol>" if items else ""


def _pages_list(current: Page | None) -> str:
    items = []
    for page in pages().values():
        mark, contents = (' aria-current="page"', _contents(page)) if page is current else ("", "")
        items.append(f'<li><a href="{page.address}"{mark}>{html.escape(page.title)}</a>{contents}</li>')
    return f"<ol>{''.join(items)}</ol>"


def _results_body(query: str) -> str:
    terms = _terms(query)
    items = [_result_item(result, terms) for result in search(query)]
    found = f'<ol class="results">{"".join(items)}</ol>' if items else f"<p>{NOTHING_FOUND}</p>"
    return f"<h1>Search: {html.escape(query)}</h1>\n{found}"


def _result_item(result: Result, terms: list[str]) -> str:
    page, section = result.page, result.section
    title = section.title if section.level == 1 else f"{page.title}: {section.title}"
    texts = "".join(f"<p>{_excerpt(text, terms)}</p>" for text in result.texts)
    return f'<li><h2><a href="{page.address}#{section.anchor}">{html.escape(title)}</a></h2>{texts}</li>'


def _reply(title: str, body: str, current: Page | None, query: str = "") -> Answer:
    parts = {
        "title": html.escape(title),
        "here": "page" if current and current.name == INDEX else "true",
        "query": html.escape(query),
        "body": body,
        "pages": _pages_list(current),
    }
    page = re.sub(r"\{([a-z]+)\}", lambda match: parts[match[1]], _frame())
    return reply_page(page.encode())


class ManualQuery(msgspec.Struct, frozen=True):
    """The query of GET /manual."""

    q: str = ""


def get_manual(_appliance: Appliance) -> Answer:
    """The manual's list of pages; with the query `q`, the sections that have all of its words."""
    query = " ".join(str(request.query.getunicode("q") or "").split())[:200]
    if query:
        return _reply(f"Search: {query}", _results_body(query), None, query)
    index = pages()[INDEX]
    return _reply(index.title, _page_body(index), index)


def get_manual_page(_appliance: Appliance, page: str) -> Answer:
    """A page of the manual."""
    found = pages().get(page)
    if found is None or page == INDEX:
        raise NotFound("The manual has no page of this name: /manual lists its pages.")
    return _reply(found.title, _page_body(found), found)


ROUTES = [
    Route("GET", "/manual", get_manual, Needs.NOTHING, HTML, query=ManualQuery),
    Route("GET", "/manual/<page>", get_manual_page, Needs.NOTHING, HTML),
]

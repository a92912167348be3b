"""The page of a night as a browser gets the page, and what a browser finds in a page."""

import io
from html.parser import HTMLParser

from prjobs.base.settings import Settings
from prjobs.night.frame import Frame
from prjobs.night.markup import el
from prjobs.night.nights import night_at, night_named
from prjobs.night.page import write_page
from prjobs.night.report import stored_source

HOSTILE = "<script>alert(1)</script>\x01\u202e\"'&"
DENVER = Settings(site_zones=["saf=America/Denver"], site_places=["saf=35.55,-105.87,2187"])


def page_of(appliance, site="saf", date=None, settings=DENVER):
    source = stored_source(appliance.queue.database, settings, appliance.queue.clock.now_ms(), is_served=True)
    night = night_named(settings, site, date) if date else night_at(settings, site, source.now_ms)
    out = io.BytesIO()
    write_page(source, site, night, Frame(el("link", rel="stylesheet", href="/static/night.css")), out)
    return out.getvalue().decode()


class Seen(HTMLParser):
    """Which elements and attributes a browser would find."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open, self.rows = set(), set(), [], 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.rows += tag == "tr"
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

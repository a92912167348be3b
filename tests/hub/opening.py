"""Appliances of a test on a database, opened as a server opens them."""

from prjobs.base.clock import Clock, StoreClock
from prjobs.base.errors import Unusable
from prjobs.base.settings import Settings
from prjobs.opening import Purpose, close_appliance, open_appliance
from tests.postgres import driver

psycopg = driver()

from prjobs.store.hub import open_hub  # noqa: E402
from prjobs.store.members import Member  # noqa: E402


def asked(url, sql):
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else None


_members = {}


def opened(folder, url=""):
    """Open the folder, or the hub on the database, as a server does; return the open appliance."""
    clock = StoreClock() if url else Clock()
    member = Member(url, "http://127.0.0.1:1", clock) if url else None
    if member:
        open_hub(url, member.id).close()
        assert member.take_over() is None
    try:
        appliance, _ = open_appliance(
            folder, Settings(store_url=url), clock, Purpose(member=member.id if member else "")
        )
    except Unusable:
        if member:
            member.leave()
        raise
    _members[id(appliance)] = member
    return appliance


def closed(appliance, folder):
    assert close_appliance(appliance, folder)
    if member := _members.pop(id(appliance)):
        member.leave()


def starts(folder, url=""):
    """Return True if a start succeeds; the sentence otherwise."""
    try:
        closed(opened(folder, url), folder)
    except Unusable as unusable:
        return str(unusable)
    return True

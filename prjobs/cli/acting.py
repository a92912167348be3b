"""A command without a server on the database of a hub: the active process for the time of the command."""

import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prjobs.base.clock import StoreClock
from prjobs.base.errors import LIBRARY_MISSING, Unusable
from prjobs.base.settings import Settings

if TYPE_CHECKING:
    from prjobs.store.members import Member


@contextmanager
def acting(settings: Settings) -> Iterator[tuple[StoreClock, str]]:
    """Yield the clock and the id of the process, active in the hub for the time of the block.

    Raise Unusable, with the address, while another process is active.
    """
    clock = StoreClock()
    member, ended = _take_over(settings, clock), threading.Event()
    signing = threading.Thread(target=member.keep_signing, args=(ended, lambda: None), daemon=True)
    signing.start()
    try:
        yield clock, member.id
    finally:
        ended.set()
        # A last sign of life after the end would show this command among the processes.
        signing.join(1.0)
        member.leave()


def _take_over(settings: Settings, clock: StoreClock) -> "Member":
    # Imported late: the library of PostgreSQL is an extra, for hubs only.
    try:
        from prjobs.store.hub import open_hub, unreached
        from prjobs.store.members import Member
        from prjobs.store.postgres_session import PostgresError
    except ImportError:
        raise Unusable(LIBRARY_MISSING) from None
    open_hub(settings.store_url, "").close()
    member = Member(settings.store_url, f"a command on {platform.node() or 'another machine'}", clock)
    try:
        active = member.take_over()
    except PostgresError as error:
        raise unreached(settings.store_url, error) from None
    if active:
        raise Unusable(
            f"Another process of the hub is active: {active.url}. Run the command on that process's data folder, or "
            "ask that process by its address."
        )
    return member

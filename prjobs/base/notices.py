"""The list of the appliance's notices, each with a code for programs, a sentence for people and a loudness.

The package that finds a fault raises the notice and ends the notice; decisions ask for the code, never the sentence.
GET /healthz shows every sentence to everybody on the network: no sentence has a person, a token or a text of a user.
"""

from enum import StrEnum
from typing import NamedTuple


class Code(StrEnum):
    """The kinds of notices. A problem (PROBLEMS) keeps the appliance from working; the rest is for information."""

    STORE = "store"
    DISK_LOW = "disk_low"
    CLOUD_OVERFLOW = "cloud_overflow"
    CLOUD_JUDGING = "cloud_judging"
    CLOCK = "clock"
    DAMAGED_JOB = "damaged_job"
    BACKUP = "backup"
    BACKUP_COPY = "backup_copy"
    BACKUP_COPY_OLD = "backup_copy_old"
    UPGRADED = "upgraded"
    AUDIT = "audit"
    CALENDAR = "calendar"
    POLL_REFUSED = "poll_refused"
    TWO_PROGRAMS = "two_programs"
    TOKEN_ENDS = "token_ends"
    KEYS_UNFETCHED = "keys_unfetched"
    PROVIDER_CLOCK = "provider_clock"
    UNNAMED_HOSTS = "unnamed_hosts"
    PROXY_UNUSED = "proxy_unused"
    IPV4_ONLY = "ipv4_only"
    SYNC_FOLDER = "sync_folder"
    SCANNED_FOLDER = "scanned_folder"
    SITE_NAMES = "site_names"
    INVENTED_SITES = "invented_sites"
    ROLES_UNREAD = "roles_unread"
    UNKNOWN_PROXY = "unknown_proxy"
    WEB_ORIGIN = "web_origin"
    NOTIFY = "notify"
    LOCKED_OUT = "locked_out"
    LOCK_ENDS = "lock_ends"
    CLOUD_DOWN = "cloud_down"
    CLOUD_PARKED = "cloud_parked"
    CLOUD_UNREAD = "cloud_unread"
    CLOUD_UNTAKEN = "cloud_untaken"
    CLOUD_REFUSED = "cloud_refused"
    CLOUD_CLOCK = "cloud_clock"
    CLOUD_READER = "cloud_reader"
    CLOUD_ODD = "cloud_odd"
    CLOUD_RESET = "cloud_reset"
    CLOUD_LOOK_BACK = "cloud_look_back"
    CLOUD_HELD = "cloud_held"
    CLOUD_UNSENT = "cloud_unsent"


PROBLEMS = frozenset({Code.STORE, Code.DISK_LOW, Code.CLOUD_OVERFLOW, Code.CLOUD_JUDGING, Code.BACKUP_COPY_OLD})
# The monitor plays a sound for every notice but these; a problem without a sound would wake nobody.
QUIET = frozenset(
    {
        Code.BACKUP,
        Code.BACKUP_COPY,
        Code.UPGRADED,
        Code.AUDIT,
        Code.CALENDAR,
        Code.TOKEN_ENDS,
        Code.KEYS_UNFETCHED,
        Code.PROVIDER_CLOCK,
        Code.UNNAMED_HOSTS,
        Code.PROXY_UNUSED,
        Code.IPV4_ONLY,
        Code.SYNC_FOLDER,
        Code.SCANNED_FOLDER,
        Code.SITE_NAMES,
        Code.ROLES_UNREAD,
        Code.UNKNOWN_PROXY,
        Code.WEB_ORIGIN,
        Code.NOTIFY,
        Code.LOCKED_OUT,
    }
)


class Notice(NamedTuple):
    """A fault of the appliance. `site` is empty if the fault concerns more than a single site."""

    code: Code
    site: str
    sentence: str

    @property
    def is_problem(self) -> bool:
        """True if the fault keeps the appliance from working."""
        return self.code in PROBLEMS

    @property
    def is_loud(self) -> bool:
        """True if the monitor plays a sound for the notice."""
        return self.code not in QUIET


class Notices:
    """The notices raised now, at most one for each code and site. Any thread may call any method."""

    def __init__(self) -> None:
        self._raised: dict[tuple[Code, str], Notice] = {}

    def say(self, code: Code, sentence: str, site: str = "") -> None:
        """Raise the notice, or replace the sentence; an empty sentence ends the notice."""
        if sentence:
            self._raised[(code, site)] = Notice(code, site, sentence)
        else:
            self.end(code, site)

    def end(self, code: Code, site: str = "") -> None:
        """End the notice if raised."""
        self._raised.pop((code, site), None)

    def sentence(self, code: Code, site: str = "") -> str:
        """Return the sentence of a notice; empty if the notice is not raised."""
        notice = self._raised.get((code, site))
        return notice.sentence if notice else ""

    def __contains__(self, code: Code) -> bool:
        """Return True if a notice of this code is raised, for any site."""
        return any(raised == code for raised, _ in list(self._raised))

    def all(self) -> list[Notice]:
        """Return all notices, by code and site."""
        return sorted(self._raised.values())

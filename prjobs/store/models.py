"""The tables. peewee describes them; migrations create them; the hot path uses raw SQL on them.

`job` holds the present state, one row a job. `change` is the one log: every change of a job is a row of it,
written in the same transaction. `handout` is one row per answer that gave jobs away. Times are Unix
milliseconds (UTC) in `_ms`, durations seconds in `_s`.
"""

import zlib
from types import NoneType
from typing import Any, NamedTuple, get_args, get_type_hints

from peewee import AutoField, BigIntegerField, BooleanField, IntegerField, Model, TextField


class Table(Model):
    """A table that is bound to no database: queries are executed on the one they are given."""

    class Meta:
        legacy_table_names = False


class JobRow(NamedTuple):
    """A row of `job`, in the order of its columns: the one shape of a job. Params and roles are JSON texts.

    The last three are of the primary queue and None while it is not so far: when the job was picked up, when it
    was first reported to run since then, and when it entered its present phase of done, failed or gone.

    A new column is shown by the API, the night log and the page unless `INTERNAL` or `LONG` names it.
    """

    seq: int
    ulid: str
    site: str
    created_ms: int
    device: str
    instance: str
    action: str
    command_class: str
    user_id: str
    user_name: str
    user_roles: str
    required_params: str
    optional_params: str
    status: str
    estimate_s: int | None
    alternate_status: str
    alternate_estimate_s: int | None
    changed_ms: int
    expires_ms: int | None
    again_of: str | None
    origin: str
    attempts: int
    checksum: int
    idempotency_key: str | None
    picked_up_ms: int | None = None
    started_ms: int | None = None
    ended_ms: int | None = None

    @property
    def is_sound(self) -> bool:
        """True if the fixed parts of the job are what was sent: finds a bit that flipped inside the row."""
        try:
            return checksum(self) == self.checksum
        except TypeError:
            # A damaged row may hold something else than texts.
            return False


# Columns that only the queue needs.
INTERNAL = frozenset({"seq", "origin", "checksum", "idempotency_key"})
# Columns that lists of jobs leave out, since they may be long.
LONG = frozenset({"required_params", "optional_params", "user_roles"})
JOB_COLUMNS = ", ".join(JobRow._fields)


def checksum(row: JobRow) -> int:
    """Return the CRC32 of the fixed parts of a job, which shows a flipped bit that SQLite's own check does not see."""
    fixed = (row.ulid, row.site, row.device, row.instance, row.action, row.required_params, row.optional_params)
    return zlib.crc32("\0".join(fixed).encode())


def _table(name: str, row: Any) -> Any:
    """Return the table whose columns are the fields of a row type; the first is its number."""
    number, *others = get_type_hints(row).items()
    fields: dict[str, Any] = {number[0]: AutoField()}
    for column, kind in others:
        kinds = get_args(kind) or (kind,)
        field: Any = BigIntegerField if int in kinds else TextField
        fields[column] = field(null=NoneType in kinds)
    return type(name, (Table,), fields)


Job = _table("Job", JobRow)


class Change(Table):
    """The one log. `queue` is primary, alternate or both; `who` is a user, a peer or the appliance itself."""

    seq = AutoField()
    job_seq = IntegerField(index=True)
    site = TextField()
    queue = TextField()
    status = TextField()
    estimate_s = IntegerField(null=True)
    time_ms = BigIntegerField()
    who = TextField()
    note = TextField(default="")
    handout_id = IntegerField(null=True, index=True)


class Handout(Table):
    """One answer that gave jobs away: delivered is a fact about an answer, not about a job."""

    id = AutoField()
    site = TextField()
    queue = TextField()
    time_ms = BigIntegerField()
    peer = TextField()
    poll_id = TextField(null=True)
    gap_ms = IntegerField(null=True)
    lease_s = IntegerField(null=True)
    state = TextField()
    maybe_flushed = BooleanField(default=False)


class Lease(Table):
    """A job that comes back when nobody reports on it in time. The row goes when the first report comes."""

    job_seq = IntegerField()
    queue = TextField()
    lease_s = IntegerField()
    handed_ms = BigIntegerField()

    class Meta:
        primary_key = False


class Poll(Table):
    """When a queue of a site was last polled, written once a minute at most."""

    site = TextField()
    queue = TextField()
    last_ms = BigIntegerField()
    usual_gap_ms = IntegerField(null=True)

    class Meta:
        primary_key = False


class Token(Table):
    """A token of the appliance's own. The token itself is not stored."""

    id = TextField(primary_key=True)
    user_id = TextField()
    user_name = TextField()
    roles = TextField()
    sites = TextField()
    created_ms = BigIntegerField()
    expires_ms = BigIntegerField()
    created_by = TextField()
    revoked_ms = BigIntegerField(null=True)


class AuditRow(NamedTuple):
    """A row of `audit`, in the order of its columns: who did what. Rows are only ever added; `previous` is the hash of
    the row before it."""

    seq: int
    time_ms: int
    who: str
    what: str
    target: str
    where_from: str
    detail: str
    previous: str
    hash: str


Audit = _table("Audit", AuditRow)


class Reservation(Table):
    """A time that belongs to one user: made here (`local`), or copied from the calendar service (`calendar`)."""

    id = AutoField()
    site = TextField()
    source = TextField()
    event_id = TextField(default="")
    start_ms = BigIntegerField()
    end_ms = BigIntegerField()
    creator_id = TextField()
    creator = TextField()
    title = TextField(default="")
    created_by = TextField(default="")


class CalendarAnswer(Table):
    """When the calendar service last answered for a site."""

    site = TextField(primary_key=True)
    answered_ms = BigIntegerField()


class Alarm(Table):
    """Something that a person must look at, from when it was raised until its condition ended."""

    id = AutoField()
    key = TextField()
    kind = TextField()
    site = TextField()
    ulid = TextField()
    sentence = TextField()
    since_ms = BigIntegerField()
    raised_ms = BigIntegerField()
    cleared_ms = BigIntegerField(null=True)
    seen_by = TextField(null=True)
    seen_ms = BigIntegerField(null=True)
    loud = BooleanField()


class Fact(Table):
    """A named fact about this file: its identity, whether it was closed well, keys given out."""

    name = TextField(primary_key=True)
    value = TextField()

"""The tables, described with peewee and created by migrations. The hot path uses raw SQL.

`job` holds the present state, one row a job. `change` is the log: every change of a job adds a row in the
same transaction. `handout` has a row for each answer that gave jobs away. Times are Unix
milliseconds (UTC) in `_ms`, durations seconds in `_s`.
"""

import zlib
from operator import attrgetter
from types import NoneType
from typing import Any, NamedTuple, get_args, get_type_hints

from peewee import AutoField, BigIntegerField, BooleanField, IntegerField, Model, TextField


class Table(Model):
    """A table without a database of its own: the caller chooses the database that runs a query."""

    class Meta:
        legacy_table_names = False


class JobRow(NamedTuple):
    """A row of `job`, in the order of the columns. Params and roles are JSON texts.

    The last three times belong to the primary queue, and are None until the job gets there: the pick-up, the first
    report of running after the pick-up, and the start of the present phase of done, failed or gone. `note` is the
    reason for the present status there: the message of the report, or a sentence of the appliance.

    The API, the night log's JSON and the raw job on the page show a new column unless `INTERNAL` or `LONG` names the
    column.
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
    note: str = ""

    @property
    def is_sound(self) -> bool:
        """Return True if the fixed parts of the job are as sent: False shows a flipped bit inside the row."""
        try:
            return checksum(self.ulid, self) == self.checksum
        except TypeError:
            # A damaged row may hold other types than texts, which cannot be joined.
            return False

    @property
    def size_bytes(self) -> int:
        """Return the size of the job in an answer, at most: JSON may need two bytes for a character of a name."""
        names = (self.site, self.user_id, self.user_name, self.device, self.instance, self.action)
        texts = "".join((*names, self.status, self.alternate_status))
        return _FIXED_BYTES + 2 * len(texts.encode()) + len(self.user_roles.encode()) + params_bytes(self)


# The names of the fields, the ids and the numbers.
_FIXED_BYTES = 500


def params_bytes(holder: Any) -> int:
    """Return the size of the params of a job or command."""
    return len(holder.required_params.encode()) + len(holder.optional_params.encode())


# Columns that only the queue needs.
INTERNAL = frozenset({"seq", "origin", "checksum", "idempotency_key"})
# Columns that lists of jobs leave out, since they may be long.
LONG = frozenset({"required_params", "optional_params", "user_roles"})
JOB_COLUMNS = ", ".join(JobRow._fields)
# The params of many jobs would fill the memory. A row of BRIEF_COLUMNS has none, and is for changes of status; a row of
# LISTED_COLUMNS has short ones alone, for the label of a job in a list.
LISTED_CHARS = 16_000
BRIEF_COLUMNS = ", ".join(f"'{{}}' AS {name}" if name in LONG else name for name in JobRow._fields)
LISTED_COLUMNS = ", ".join(
    f"CASE WHEN length({name}) > {LISTED_CHARS} THEN '{{}}' ELSE {name} END AS {name}" if name in LONG else name
    for name in JobRow._fields
)


# The columns with the sent command. A change of the list would make the checksums of stored jobs wrong.
SENT = ("site", "device", "instance", "action", "required_params", "optional_params")
sent_by = attrgetter(*SENT)


def checksum(ulid: str, sent: Any) -> int:
    """Return the CRC32 of the fixed parts of a job: SQLite's own check does not find a flipped bit in a text."""
    return zlib.crc32("\0".join((ulid, *sent_by(sent))).encode())


def _table(name: str, row: Any) -> Any:
    """Return a table with the fields of a row type as columns; the first field is the row's number."""
    number, *others = get_type_hints(row).items()
    fields: dict[str, Any] = {number[0]: AutoField()}
    for column, kind in others:
        kinds = get_args(kind) or (kind,)
        field: Any = BigIntegerField if int in kinds else TextField
        fields[column] = field(null=NoneType in kinds)
    return type(name, (Table,), fields)


Job = _table("Job", JobRow)


class Change(Table):
    """The log of jobs. `queue` is primary, alternate or both; `who` is a user, a peer or the appliance itself."""

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
    """An answer that gave jobs away: delivery is a fact about an answer, not about a job."""

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
    asked_for = TextField(default="")


class Lease(Table):
    """A job that returns to the queue without a report in time. The first report deletes the row."""

    job_seq = IntegerField()
    queue = TextField()
    lease_s = IntegerField()
    handed_ms = BigIntegerField()

    class Meta:
        primary_key = False


class Poll(Table):
    """The time of the last poll of a site's queue, written once a minute at most."""

    site = TextField()
    queue = TextField()
    last_ms = BigIntegerField()
    usual_gap_ms = IntegerField(null=True)

    class Meta:
        primary_key = False


class RemovedSite(Table):
    """A site with jobs that an operator removed from the monitor. A new job deletes the row."""

    site = TextField(primary_key=True)
    removed_ms = BigIntegerField()
    removed_by = TextField()


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
    """A row of `audit`, in the order of the columns. Rows are never changed; `previous` is the previous row's hash."""

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
    """A time reserved for a user: made here (`local`), or copied from the calendar service (`calendar`)."""

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
    """The time of the calendar service's last answer for a site."""

    site = TextField(primary_key=True)
    answered_ms = BigIntegerField()


class Alarm(Table):
    """A condition for a person to look at, from `raised_ms` until its end at `cleared_ms`."""

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


class NoteRow(NamedTuple):
    """A row of `observer_note`, in the order of the columns. A row is never changed, but for the mark of striking out.

    `about` is night, site or job; `about_ms` is a moment in the night with the note. `label` names the job, which may
    be removed earlier than the note.
    """

    id: int
    site: str
    about: str
    about_ms: int
    date: str
    ulid: str
    label: str
    text: str
    time_ms: int
    author_id: str
    author: str
    struck_ms: int | None = None
    struck_by: str | None = None


ObserverNote = _table("ObserverNote", NoteRow)


class Notification(Table):
    """An alarm as known to an address: told at `told_ms`, or not yet; raised `times` times since the last message.

    `subject` is the key of the alarm without the start of a silence; `key` and `raised_ms` name the last alarm.
    """

    address = TextField()
    subject = TextField()
    key = TextField()
    raised_ms = BigIntegerField()
    told_ms = BigIntegerField(null=True)
    times = IntegerField()

    class Meta:
        primary_key = False


class Told(Table):
    """An alarm in a message that was sent: the time, the address without secrets, and the news: raised, again, over."""

    id = AutoField()
    time_ms = BigIntegerField()
    address = TextField()
    news = TextField()
    key = TextField()
    raised_ms = BigIntegerField()


class NightSum(Table):
    """The sums of a night at a site, as JSON. `due` is the newest change that is not summed up; 0 for none."""

    site = TextField()
    date = TextField()
    since_ms = BigIntegerField()
    until_ms = BigIntegerField()
    made_ms = BigIntegerField()
    due = BigIntegerField()
    is_closed = BooleanField()
    sums = TextField()

    class Meta:
        primary_key = False


class Fact(Table):
    """A named fact about the file: the identity, the mark of a clean close, the keys given out."""

    name = TextField(primary_key=True)
    value = TextField()

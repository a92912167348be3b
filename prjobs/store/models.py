"""The tables. peewee describes them; migrations create them; the hot path uses raw SQL on them.

`job` holds the present state, one row a job. `change` is the one log: every change of a job is a row of it,
written in the same transaction. `handout` is one row per answer that gave jobs away. Times are Unix
milliseconds (UTC) in `_ms`, durations seconds in `_s`.
"""

from typing import NamedTuple

from peewee import AutoField, BigIntegerField, BooleanField, IntegerField, Model, TextField


class Table(Model):
    """A table that is bound to no database: queries are executed on the one they are given."""

    class Meta:
        legacy_table_names = False


class Job(Table):
    """One command and its present state in both queues."""

    seq = AutoField()
    ulid = TextField(unique=True)
    site = TextField()
    created_ms = BigIntegerField()
    device = TextField()
    instance = TextField()
    action = TextField()
    command_class = TextField()
    user_id = TextField()
    user_name = TextField()
    user_roles = TextField()
    required_params = TextField()
    optional_params = TextField()
    status = TextField()
    estimate_s = IntegerField(null=True)
    alternate_status = TextField()
    alternate_estimate_s = IntegerField(null=True)
    changed_ms = BigIntegerField()
    expires_ms = BigIntegerField(null=True)
    again_of = TextField(null=True)
    origin = TextField(default="local")
    attempts = IntegerField(default=0)
    checksum = BigIntegerField()
    idempotency_key = TextField(null=True)
    picked_up_ms = BigIntegerField(null=True)
    started_ms = BigIntegerField(null=True)
    ended_ms = BigIntegerField(null=True)


class JobRow(NamedTuple):
    """A row of `job`, in the order of its columns; the params and roles are JSON texts.

    The last three are of the primary queue and None while it is not so far: when the job was picked up, when it
    was first reported to run since then, and when it entered its present phase of done, failed or gone.
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


class Audit(Table):
    """Who did what: rows that are only ever added, each with the hash of the row before it."""

    seq = AutoField()
    time_ms = BigIntegerField()
    who = TextField()
    what = TextField()
    target = TextField()
    where_from = TextField()
    detail = TextField()
    previous = TextField()
    hash = TextField()


class AuditRow(NamedTuple):
    """A row of `audit`, in the order of its columns; `previous` is the hash of the row before it."""

    seq: int
    time_ms: int
    who: str
    what: str
    target: str
    where_from: str
    detail: str
    previous: str
    hash: str


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


JOB_COLUMNS = ", ".join(JobRow._fields)

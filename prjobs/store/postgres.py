"""Connections to PostgreSQL, for a hub: the settings of a session, and the package's SQL."""

from collections.abc import Sequence
from typing import Any

from prjobs.base.errors import Unusable
from prjobs.store.dialect import translate
from prjobs.store.postgres_session import Answer, Pipeline, PostgresError, Session, open_session, parts_of
from prjobs.store.source import Row

# https://www.postgresql.org/docs/current/runtime-config-client.html: a commit is on disk.
_SESSION = {
    "synchronous_commit": "'on'",
    "default_transaction_isolation": "'read committed'",
    # Not every system can look whether the client of a session is still there.
    **{
        name: f"CASE WHEN version() ~* 'linux' THEN '{value}' ELSE current_setting('{name}') END"
        for name, value in (
            ("client_connection_check_interval", "1s"),
            ("tcp_keepalives_idle", "5"),
            ("tcp_keepalives_interval", "2"),
            ("tcp_keepalives_count", "2"),
        )
    },
    "lock_timeout": "'5s'",
    "client_encoding": "'UTF8'",
}
# The server ends a session that pauses for so long in a transaction: nobody keeps the row of `door` for long.
PAUSE_S = 2
WRITING_S, READING_S = 10, 30
# A URL that the library cannot read, in words.
UNREADABLE = "of store_url"


def shown(url: str) -> str:
    """Return the database of a URL in words, without user and password."""
    try:
        require_readable(url)
        named = parts_of(url)
    except (PostgresError, Unusable):
        return UNREADABLE
    return f"{named.get('dbname') or 'of the user'} at {named.get('host') or 'this machine'}"


class PostgresConnection:
    """A connection that takes the package's SQL."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._pipeline = Pipeline(session)
        # True: a statement waits until a result is asked for, and many go to the server together.
        self.gathers = False

    def become(self, other: "PostgresConnection") -> None:
        """Take the place of another connection."""
        self.session, self._pipeline, self.gathers = other.session, other._pipeline, other.gathers

    @property
    def is_usable(self) -> bool:
        """Return False after the server or the network ended the connection."""
        return not self.session.closed and not self.session.broken

    @property
    def is_in_transaction(self) -> bool:
        """Return True from BEGIN to the end of the transaction, also after the transaction failed."""
        return self.session.is_in_transaction

    def execute(self, sql: str, parameters: Any = (), /) -> Answer:
        """Run a statement and return the result. Raise BadRequest for a text with NUL."""
        text, names = translate(sql)
        return self._add(text, parameters if names is None else [parameters[name] for name in names])

    def executemany(self, sql: str, parameters: Any, /) -> Answer:
        """Run a statement once for each row of parameters."""
        text, names = translate(sql)
        return self._add(text, *(row if names is None else [row[name] for name in names] for row in parameters))

    def _add(self, text: str, *rows: Sequence[Any]) -> Answer:
        answer = self._pipeline.add(text, *rows)
        if not self.gathers:
            self._pipeline.send()
        return answer

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query."""
        return self.execute(sql, parameters).fetchall()

    def fetch_together(self, *statements: str) -> list[list[Row]]:
        """Run statements without parameters, all in one way to the server; return the rows of each."""
        answers = [self._pipeline.add(translate(sql).sql, ()) for sql in statements]
        return [answer.fetchall() for answer in answers]

    def drop_waiting(self) -> None:
        """Forget the waiting statements, and send each later statement alone."""
        self.gathers = False
        self._pipeline.drop()

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        self.session.close()


def require_readable(url: str) -> None:
    """Raise Unusable for an address with an unescaped character in a password: a part would be shown as the host."""
    named = parts_of(url)
    host, database = str(named.get("host") or ""), str(named.get("dbname") or "")
    if "@" in host or "@" in database or "/" in database:
        raise Unusable(
            "store_url cannot be read: in a user name or password write @ as %40, / as %2F, : as %3A and ? as %3F."
        )


def session_name(member: str) -> str:
    """Return the name of the connections of a hub's process."""
    return f"prjobs {member}".strip()


def connect(url: str, statement_s: float = WRITING_S, member: str = "") -> PostgresConnection:
    """Return a new connection. Raise PostgresError, and Unusable for an address that cannot be meant."""
    require_readable(url)
    session = open_session(url, session_name(member))
    limits = {"idle_in_transaction_session_timeout": f"'{PAUSE_S}s'", "statement_timeout": f"'{statement_s:g}s'"}
    set_all = ", ".join(f"set_config('{name}', {value}, false)" for name, value in (_SESSION | limits).items())
    session.execute(f"SELECT {set_all}")
    return PostgresConnection(session)

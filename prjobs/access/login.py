"""The link that logs a browser in, usable once within a day."""

import hmac
from hashlib import sha256
from typing import NamedTuple

import msgspec

from prjobs.access import audit
from prjobs.access.audit import OPERATOR, Actor, Entry
from prjobs.access.desk import Desk
from prjobs.base.errors import Unauthorized
from prjobs.base.fields import UserName
from prjobs.store.transaction import Transaction

KEY, USER, MADE = FACTS = ("login_key", "login_user", "login_made_ms")
DAY_MS = 86_400_000
# The maker of the tokens of browsers that a link logged in.
LOGIN_LINK = "login link"


class LinkUser(msgspec.Struct, frozen=True):
    """The user whom a link logs in; an empty `user_id` names nobody."""

    user_id: UserName = ""
    user_name: UserName = ""


# The user of a link that names nobody.
STAFF = LinkUser("staff", "Staff")


class _Link(NamedTuple):
    """A link as stored: the user, the hash of the key, the time of its making."""

    user: LinkUser
    digest: str
    made_ms: int


def create_login_key(desk: Desk, user: LinkUser = STAFF, actor: Actor = OPERATOR) -> str:
    """Return a new key that logs one browser in as the user, once, within a day. Only the key's hash is stored."""
    key = desk.clock.random_text()
    link = _Link(user if user.user_id else STAFF, sha256(key.encode()).hexdigest(), desk.clock.now_ms())
    desk.database.write(_store_login_key, link, actor)
    return key


def remember_welcome(desk: Desk) -> None:
    """Note that the first link was shown: later starts show none."""
    desk.database.write(_remember_welcome)


def _remember_welcome(transaction: Transaction) -> None:
    transaction.execute("DELETE FROM fact WHERE name = 'welcomed'")
    transaction.execute("INSERT INTO fact (name, value) VALUES ('welcomed', 'yes')")


def _store_login_key(transaction: Transaction, link: _Link, actor: Actor) -> None:
    _forget_login_key(transaction)
    rows = [(KEY, link.digest), (USER, msgspec.json.encode(link.user).decode()), (MADE, str(link.made_ms))]
    transaction.executemany("INSERT INTO fact (name, value) VALUES (?, ?)", rows)
    audit.record(transaction, link.made_ms, Entry(actor.who, audit.LOGIN_LINK, link.user.user_id, actor.where_from))


def use_login_key(desk: Desk, key: str) -> LinkUser:
    """Spend the key and return its user. Raise Unauthorized for a used, an ended or an older key."""
    digest = sha256(key.encode()).hexdigest()
    user: LinkUser = desk.database.write(_spend_login_key, digest, desk.clock.now_ms())
    return user


def _spend_login_key(transaction: Transaction, digest: str, now_ms: int) -> LinkUser:
    facts: dict[str, str] = dict(transaction.fetch("SELECT name, value FROM fact WHERE name IN (?, ?, ?)", FACTS))
    if not hmac.compare_digest(facts.get(KEY, ""), digest):
        sentence = "This link was used before, or a newer link exists. Run `prjobs login` for a new link."
        raise Unauthorized(sentence).about("login_link")
    # A link of an older version has no time: its age is unknown. Nor is the age known after the clock was set back.
    if not 0 <= now_ms - int(facts.get(MADE, 0)) < DAY_MS:
        sentence = "This link is older than a day. Run `prjobs login` for a new link."
        raise Unauthorized(sentence).about("login_link")
    _forget_login_key(transaction)
    return msgspec.json.decode(facts[USER], type=LinkUser)


def _forget_login_key(transaction: Transaction) -> None:
    transaction.executemany("DELETE FROM fact WHERE name = ?", [(name,) for name in FACTS])

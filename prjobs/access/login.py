"""The link that logs a browser in, usable once."""

import hmac
from hashlib import sha256

import msgspec

from prjobs.access.desk import Desk
from prjobs.base.errors import Unauthorized
from prjobs.base.fields import UserName
from prjobs.store.transaction import Transaction

KEY, USER = "login_key", "login_user"


class LinkUser(msgspec.Struct, frozen=True):
    """The user whom a link logs in; an empty `user_id` names nobody."""

    user_id: UserName = ""
    user_name: UserName = ""


# The user of a link that names nobody.
STAFF = LinkUser("staff", "Staff")


def create_login_key(desk: Desk, user: LinkUser = STAFF) -> str:
    """Return a new key that logs one browser in as the user, once. Only the key's hash is stored."""
    key = desk.clock.random_text()
    desk.database.write(_store_login_key, sha256(key.encode()).hexdigest(), user if user.user_id else STAFF)
    return key


def remember_welcome(desk: Desk) -> None:
    """Note that the first link was shown: later starts show none."""
    desk.database.write(_remember_welcome)


def _remember_welcome(transaction: Transaction) -> None:
    transaction.execute("DELETE FROM fact WHERE name = 'welcomed'")
    transaction.execute("INSERT INTO fact (name, value) VALUES ('welcomed', 'yes')")


def _store_login_key(transaction: Transaction, digest: str, user: LinkUser) -> None:
    _forget_login_key(transaction)
    rows = [(KEY, digest), (USER, msgspec.json.encode(user).decode())]
    transaction.executemany("INSERT INTO fact (name, value) VALUES (?, ?)", rows)


def use_login_key(desk: Desk, key: str) -> LinkUser:
    """Spend the key and return its user. Raise Unauthorized when the key is not the newest one, or was used."""
    user: LinkUser = desk.database.write(_spend_login_key, sha256(key.encode()).hexdigest())
    return user


def _spend_login_key(transaction: Transaction, digest: str) -> LinkUser:
    found = transaction.fetch("SELECT value FROM fact WHERE name = ?", (KEY,))
    if not found or not hmac.compare_digest(found[0][0], digest):
        sentence = "This link was used before, or a newer link exists. Run `prjobs login` for a new link."
        raise Unauthorized(sentence).about("login_link")
    # A link of an older version names no user.
    named = transaction.fetch("SELECT value FROM fact WHERE name = ?", (USER,))
    _forget_login_key(transaction)
    return msgspec.json.decode(named[0][0], type=LinkUser) if named else STAFF


def _forget_login_key(transaction: Transaction) -> None:
    transaction.executemany("DELETE FROM fact WHERE name = ?", [(KEY,), (USER,)])

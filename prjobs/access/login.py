"""The link that logs a browser in, usable once."""

import hmac
from hashlib import sha256

from prjobs.access.desk import Desk
from prjobs.base.errors import Unauthorized
from prjobs.store.transaction import Transaction


def create_login_key(desk: Desk) -> str:
    """Return a new key that logs one browser in, once. Only the key's hash is stored."""
    key = desk.clock.random_text()
    desk.database.write(_store_login_key, sha256(key.encode()).hexdigest())
    return key


def remember_welcome(desk: Desk) -> None:
    """Note that the first link was shown: later starts show none."""
    desk.database.write(_remember_welcome)


def _remember_welcome(transaction: Transaction) -> None:
    transaction.execute("DELETE FROM fact WHERE name = 'welcomed'")
    transaction.execute("INSERT INTO fact (name, value) VALUES ('welcomed', 'yes')")


def _store_login_key(transaction: Transaction, digest: str) -> None:
    transaction.execute("DELETE FROM fact WHERE name = 'login_key'")
    transaction.execute("INSERT INTO fact (name, value) VALUES ('login_key', ?)", (digest,))


def use_login_key(desk: Desk, key: str) -> None:
    """Spend the key. Raise Unauthorized when the key is not the newest one, or was used."""
    desk.database.write(_spend_login_key, sha256(key.encode()).hexdigest())


def _spend_login_key(transaction: Transaction, digest: str) -> None:
    found = transaction.fetch("SELECT value FROM fact WHERE name = 'login_key'")
    if not found or not hmac.compare_digest(found[0][0], digest):
        sentence = "This link was used before, or a newer link exists. Run `prjobs login` for a new link."
        raise Unauthorized(sentence).about("login_link")
    transaction.execute("DELETE FROM fact WHERE name = 'login_key'")

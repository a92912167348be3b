"""Who may do what: tokens of the appliance's own, and the questions asked of them.

A token is a JSON Web Token (RFC 7519) signed with the folder's secret (HS256). Its id is stored, the token is not;
a token whose id is unknown or revoked is worth nothing.
"""

import hmac
from hashlib import sha256
from typing import Annotated, Any, Literal

import jwt
import msgspec
from msgspec import Meta

from prjobs.access import audit
from prjobs.access.audit import By, Entry
from prjobs.access.identity import LOG_IN, ROLES, Identity
from prjobs.appliance import Appliance
from prjobs.base.errors import Forbidden, NotFound, Unauthorized
from prjobs.store.database import Transaction
from prjobs.web.wire import Site, UserId, UserName

ISSUER = "prjobs"
AUDIENCE = "prjobs"
OPERATOR_AUDIENCE = "prjobs-operator"
ALGORITHM = "HS256"
DAY_S = 86_400
DEFAULT_DAYS = 365.0
OPERATOR_S = 60
VERIFIED_LIMIT = 1000
_ROLES_SAID = Meta(max_length=4, description=f"a list of roles ({', '.join(ROLES)})")
RESERVED = "Someone else has a reservation right now. Please see the calendar for details."


class TokenInfo(msgspec.Struct, frozen=True):
    """What is stored of a token."""

    id: str
    user_id: str
    user_name: str
    roles: list[str]
    sites: list[str]
    created_ms: int
    expires_ms: int
    created_by: str
    revoked_ms: int | None = None


_COLUMNS = ", ".join(TokenInfo.__struct_fields__)


# ---- tokens


class NewToken(msgspec.Struct, frozen=True):
    """A token to be made. Without roles it is an ordinary user's; without sites it is good for every site."""

    user_id: UserId
    user_name: UserName = ""
    roles: Annotated[list[Literal["admin", "owner", "observatory", "viewer"]], _ROLES_SAID] = []
    sites: Annotated[list[Site], Meta(max_length=100, description="a list of site codes")] = []
    days: Annotated[float, Meta(gt=0, le=3650, description="a number of days up to 3650")] = DEFAULT_DAYS


def create_token(
    appliance: Appliance, asked: NewToken, actor: By, what: str = audit.TOKEN_CREATE
) -> tuple[str, TokenInfo]:
    """Make a token; the token itself, which is not kept, and what is stored of it."""
    now_ms = appliance.clock.now_ms()
    info = TokenInfo(
        id=appliance.clock.random_bytes(8).hex(),
        user_id=asked.user_id,
        user_name=asked.user_name or asked.user_id,
        roles=list(asked.roles),
        sites=list(asked.sites),
        created_ms=now_ms,
        expires_ms=now_ms + int(asked.days * DAY_S * 1000),
        created_by=actor.who,
    )
    appliance.database.write(_insert_token, appliance, info, actor, what)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": info.user_id,
        "jti": info.id,
        "iat": now_ms // 1000,
        "exp": info.expires_ms // 1000,
    }
    return jwt.encode(claims, appliance.secret, algorithm=ALGORITHM), info


def _insert_token(transaction: Transaction, appliance: Appliance, info: TokenInfo, actor: By, what: str) -> None:
    detail = f"for {info.user_id}, roles {info.roles}, sites {info.sites}"
    audit.record(transaction, appliance, Entry(actor.who, what, info.id, actor.where_from, detail))
    encode = msgspec.json.encode
    transaction.execute(
        f"INSERT INTO token ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            info.id,
            info.user_id,
            info.user_name,
            encode(info.roles).decode(),
            encode(info.sites).decode(),
            info.created_ms,
            info.expires_ms,
            info.created_by,
            info.revoked_ms,
        ),
    )


def list_tokens(appliance: Appliance) -> list[TokenInfo]:
    """All tokens ever made, oldest first."""
    return [_info(row) for row in appliance.database.fetch(f"SELECT {_COLUMNS} FROM token ORDER BY created_ms, id")]


def revoke_token(appliance: Appliance, token_id: str, actor: By) -> None:
    """From now on the token is worth nothing. NotFound."""
    appliance.database.write(_revoke_token, appliance, token_id, actor)


def _revoke_token(transaction: Transaction, appliance: Appliance, token_id: str, actor: By) -> None:
    sql = "UPDATE token SET revoked_ms = coalesce(revoked_ms, ?) WHERE id = ?"
    if transaction.execute(sql, (appliance.clock.now_ms(), token_id)).rowcount != 1:
        raise NotFound("There is no token with this id.")
    audit.record(transaction, appliance, Entry(actor.who, audit.TOKEN_REVOKE, token_id, actor.where_from))


def _info(row: tuple[object, ...]) -> TokenInfo:
    values = dict(zip(TokenInfo.__struct_fields__, row, strict=True))
    for name in ("roles", "sites"):
        values[name] = msgspec.json.decode(str(values[name]))
    return msgspec.convert(values, TokenInfo)


def operator_token(secret: bytes, now_s: int) -> str:
    """For a minute: whoever can read the folder's secret is its operator."""
    claims = {
        "iss": ISSUER,
        "aud": OPERATOR_AUDIENCE,
        "sub": "operator",
        "jti": "operator",
        "iat": now_s,
        "exp": now_s + OPERATOR_S,
    }
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


# ---- who asks


def identify(appliance: Appliance, token: str) -> Identity:
    """Whose token this is: the appliance's own, or the outside provider's. Unauthorized when it is nobody's."""
    claims = appliance.verified.get(token)
    if claims is None:
        if appliance.provider.issuer and _issuer(token) == appliance.provider.issuer:
            return appliance.provider.identify(token)
        claims = _verify(appliance.secret, token)
        if len(appliance.verified) >= VERIFIED_LIMIT:
            appliance.verified.clear()
        appliance.verified[token] = claims
    if claims["exp"] * 1000 <= appliance.clock.now_ms():
        raise Unauthorized(LOG_IN + "the token has expired.")
    if claims["aud"] == OPERATOR_AUDIENCE:
        return Identity("operator", "operator", ("admin",), (), "operator")
    return _stored(appliance, claims["jti"])


def _verify(secret: bytes, token: str) -> dict[str, Any]:
    """The claims of a token that we signed; its end and its revocation are judged at each use."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=[AUDIENCE, OPERATOR_AUDIENCE],
            options={"require": ["exp", "iss", "aud", "sub", "jti"], "verify_exp": False, "verify_iat": False},
        )
    except jwt.InvalidTokenError:
        raise Unauthorized(LOG_IN + "the token is not valid here.") from None
    return claims


def _issuer(token: str) -> object:
    """Who the token says made it; which key checks it depends on that, and nothing else does."""
    try:
        return jwt.decode(token, options={"verify_signature": False}).get("iss")
    except jwt.PyJWTError:
        return None


def is_own(token: str) -> bool:
    """Whether the appliance itself made this token, which is worth nothing anywhere else."""
    return _issuer(token) == ISSUER


def left_s(appliance: Appliance, token: str) -> int:
    """How many seconds a token that was accepted is still good for, unless it is revoked."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return max(0, int(claims["exp"]) - appliance.clock.now_ms() // 1000)


def _stored(appliance: Appliance, token_id: str) -> Identity:
    found = appliance.database.fetch(f"SELECT {_COLUMNS} FROM token WHERE id = ?", (token_id,))
    if not found:
        raise Unauthorized(LOG_IN + "the token is not known here.")
    info = _info(found[0])
    if info.revoked_ms is not None:
        raise Unauthorized(LOG_IN + "the token was revoked.")
    return Identity(info.user_id, info.user_name, tuple(info.roles), tuple(info.sites), info.id)


# ---- may they


def require_commander(identity: Identity) -> None:
    """Observatory and viewer tokens do not command, whatever else they are."""
    if {"observatory", "viewer"} & set(identity.roles) and not identity.is_staff:
        raise Forbidden("A token of an observatory or a viewer may not send commands.")


def require_command(identity: Identity, site: str, user_id: str) -> None:
    """May this identity command the site in the name of `user_id`? Unauthorized or Forbidden when not."""
    if not identity.reaches(site):
        raise Forbidden("This token is not for this site.")
    if user_id != identity.user_id and not (identity.is_admin or identity.service):
        raise Unauthorized("user_id must be the user of the token; another one came.")


def require_observatory(identity: Identity, site: str) -> None:
    """May this identity fetch jobs and report on them for the site?"""
    if not ("observatory" in identity.roles or identity.is_staff):
        raise Forbidden("Fetching jobs and reporting on them needs an observatory token.")
    if not identity.reaches(site):
        raise Forbidden("This token is not for this site.")


def require_admin(identity: Identity) -> None:
    """Tokens are an administrator's business."""
    if not identity.is_admin:
        raise Forbidden("Only an administrator may do this.")


def may_cancel(identity: Identity, site: str, owner_id: str) -> bool:
    """Staff, or whoever asked for the job."""
    return identity.reaches(site) and (identity.is_staff or identity.user_id == owner_id)


# ---- the link that logs a browser in


def create_login_key(appliance: Appliance) -> str:
    """A key that logs one browser in, once. Only its hash is stored."""
    key = appliance.clock.random_text()
    appliance.database.write(_store_login_key, sha256(key.encode()).hexdigest())
    return key


def remember_welcome(appliance: Appliance) -> None:
    """The first link was shown: later starts show none."""
    appliance.database.write(_remember_welcome)


def _remember_welcome(transaction: Transaction) -> None:
    transaction.execute("DELETE FROM fact WHERE name = 'welcomed'")
    transaction.execute("INSERT INTO fact (name, value) VALUES ('welcomed', 'yes')")


def _store_login_key(transaction: Transaction, digest: str) -> None:
    transaction.execute("DELETE FROM fact WHERE name = 'login_key'")
    transaction.execute("INSERT INTO fact (name, value) VALUES ('login_key', ?)", (digest,))


def use_login_key(appliance: Appliance, key: str) -> None:
    """Spend the key. Unauthorized when it is not the one that was given out, or was used."""
    appliance.database.write(_spend_login_key, sha256(key.encode()).hexdigest())


def _spend_login_key(transaction: Transaction, digest: str) -> None:
    found = transaction.fetch("SELECT value FROM fact WHERE name = 'login_key'")
    if not found or not hmac.compare_digest(found[0][0], digest):
        raise Unauthorized("This link was used before, or is not the newest one: `prjobs login` makes a new one.")
    transaction.execute("DELETE FROM fact WHERE name = 'login_key'")

"""Tokens of the appliance's own: made, listed, revoked, and checked at each request.

A token is a JSON Web Token (RFC 7519) signed with the folder's secret (HS256). The store keeps the token's id, not the
token; a token with an unknown or revoked id is refused.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from prjobs.access import audit
from prjobs.access.audit import Actor, Entry
from prjobs.access.desk import Desk, remember
from prjobs.access.identity import LOG_IN, ROLES, Identity
from prjobs.access.signing import (
    AUDIENCE,
    DEFAULT_DAYS,
    ISSUER,
    OPERATOR_AUDIENCE,
    NotAToken,
    claims_of,
    sign,
    verified_claims,
)
from prjobs.base.errors import NotFound, Unauthorized
from prjobs.base.fields import Site, UserId, UserName
from prjobs.store.common import Common
from prjobs.store.transaction import Transaction

DAY_S = 86_400
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\Z")
_ROLES_SAID = Meta(max_length=4, description=f"a list of roles ({', '.join(ROLES)})")


class TokenInfo(msgspec.Struct, frozen=True):
    """The stored fields of a token."""

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
    """A token to be made. No roles: a token of an ordinary user. No sites: a token for every site."""

    user_id: UserId
    user_name: UserName = ""
    roles: Annotated[list[Literal["admin", "owner", "observatory", "viewer"]], _ROLES_SAID] = []
    sites: Annotated[list[Site], Meta(max_length=100, description="a list of site codes")] = []
    days: Annotated[float, Meta(gt=0, le=3650, description="a number of days up to 3650")] = DEFAULT_DAYS


def create_token(desk: Desk, asked: NewToken, actor: Actor, what: str = audit.TOKEN_CREATE) -> tuple[str, TokenInfo]:
    """Make a token. Return the token itself, which is not stored, and the stored fields."""
    now_ms = desk.clock.now_ms()
    info = TokenInfo(
        id=desk.clock.random_bytes(8).hex(),
        user_id=asked.user_id,
        user_name=asked.user_name or asked.user_id,
        roles=list(asked.roles),
        sites=list(asked.sites),
        created_ms=now_ms,
        expires_ms=now_ms + int(asked.days * DAY_S * 1000),
        created_by=actor.who,
    )
    desk.database.write(_insert_token, desk, info, actor, what)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": info.user_id,
        "jti": info.id,
        "iat": now_ms // 1000,
        "exp": info.expires_ms // 1000,
    }
    return sign(claims, desk.secret), info


def _insert_token(transaction: Transaction, desk: Desk, info: TokenInfo, actor: Actor, what: str) -> None:
    detail = f"for {info.user_id}, roles {info.roles}, sites {info.sites}"
    audit.record(transaction, desk.clock.now_ms(), Entry(actor.who, what, info.id, actor.where_from, detail))
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


def list_tokens(common: Common, role: str = "") -> list[TokenInfo]:
    """Return all tokens ever made, oldest first; those of a role if given."""
    return tokens_in(common.database.fetch, role)


def tokens_in(fetch: Callable[[str, tuple[str]], list[Any]], role: str = "") -> list[TokenInfo]:
    """Return the tokens of a store that is read by `fetch(sql, values)`."""
    sql = f"SELECT {_COLUMNS} FROM token WHERE roles LIKE ? ORDER BY created_ms, id"
    return [_info(row) for row in fetch(sql, (f'%"{role}"%' if role else "%",))]


def revoke_token(desk: Desk, token_id: str, actor: Actor) -> None:
    """Revoke the token: requests with the token are refused from the commit on. Raise NotFound."""
    desk.database.write(_revoke_token, desk, token_id, actor)


def _revoke_token(transaction: Transaction, desk: Desk, token_id: str, actor: Actor) -> None:
    transaction.after_commit(desk.identities.forget)
    sql = "UPDATE token SET revoked_ms = coalesce(revoked_ms, ?) WHERE id = ?"
    if transaction.execute(sql, (desk.clock.now_ms(), token_id)).rowcount != 1:
        raise NotFound("There is no token with this id.")
    audit.record(transaction, desk.clock.now_ms(), Entry(actor.who, audit.TOKEN_REVOKE, token_id, actor.where_from))


def _info(row: tuple[object, ...]) -> TokenInfo:
    values = dict(zip(TokenInfo.__struct_fields__, row, strict=True))
    for name in ("roles", "sites"):
        values[name] = msgspec.json.decode(str(values[name]))
    return msgspec.convert(values, TokenInfo)


# ---- who asks


def identify(desk: Desk, token: str) -> Identity:
    """Return the user of a token of the appliance or the outside provider. Raise Unauthorized for any other token."""
    claims = desk.verified.get(token)
    if claims is None:
        # The decoder skips other characters, which would not come back from a browser's cookie.
        if not _COMPACT.match(token):
            raise Unauthorized(LOG_IN + "the token is not valid here.")
        if desk.provider.issuer and _issuer(token) == desk.provider.issuer:
            return desk.provider.identify(token)
        claims = remember(desk.verified, token, _verify(desk.secret, token))
    if claims["exp"] * 1000 <= desk.clock.now_ms():
        raise Unauthorized(LOG_IN + "the token has expired.")
    if claims["aud"] == OPERATOR_AUDIENCE:
        return Identity(claims["sub"], claims["sub"], ("admin",), (), audit.OPERATOR.who)
    # Taken before the look: a token that is revoked meanwhile is looked up again.
    identities, token_id = desk.identities.by_key, claims["jti"]
    return identities.get(token_id) or remember(identities, token_id, _stored(desk, token_id))


def _verify(secret: bytes, token: str) -> dict[str, Any]:
    """Return the claims of a token signed here. Expiry and revocation are left to the check at each use."""
    try:
        return verified_claims(token, secret)
    except NotAToken:
        raise Unauthorized(LOG_IN + "the token is not valid here.") from None


def _issuer(token: str) -> object:
    """Return the issuer that the token claims, unverified: only the choice of the key may depend on the claim."""
    try:
        return claims_of(token).get("iss")
    except NotAToken:
        return None


def is_own_token(token: str) -> bool:
    """Return True if the token claims to be the appliance's own; such a token must not be sent to other services."""
    return _issuer(token) == ISSUER


def left_s(token: str, now_ms: int) -> int:
    """Return the seconds until an accepted token expires."""
    return max(0, int(claims_of(token)["exp"]) - now_ms // 1000)


def _stored(desk: Desk, token_id: str) -> Identity:
    found = desk.database.fetch(f"SELECT {_COLUMNS} FROM token WHERE id = ?", (token_id,))
    if not found:
        raise Unauthorized(LOG_IN + "the token is not known here.")
    info = _info(found[0])
    if info.revoked_ms is not None:
        raise Unauthorized(LOG_IN + "the token was revoked.")
    return Identity(
        info.user_id,
        info.user_name,
        tuple(info.roles),
        tuple(info.sites),
        info.id,
        made_ms=info.created_ms,
        ends_ms=info.expires_ms,
    )

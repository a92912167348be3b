"""JSON Web Tokens (RFC 7519) signed with the folder's secret by HS256: the appliance's own tokens, and no others.

A library for tokens imports cryptography too: ten megabytes, and a third of the time that a short command takes.
"""

import getpass
import hashlib
import hmac
import json
from base64 import b64decode, urlsafe_b64encode
from typing import Any

ISSUER = "prjobs"
AUDIENCE = "prjobs"
OPERATOR_AUDIENCE = "prjobs-operator"
OPERATOR_ID = "operator"
OPERATOR_S = 60
DEFAULT_DAYS = 365.0
_HEADER = {"alg": "HS256", "typ": "JWT"}


class NotAToken(ValueError):
    """A text without the form of a token, or without a signature by the secret."""


def sign(claims: dict[str, Any], secret: bytes) -> str:
    """Return a token with the claims."""
    signed = f"{_encode(json.dumps(_HEADER).encode())}.{_encode(json.dumps(claims).encode())}"
    return f"{signed}.{_signature(signed, secret)}"


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a token, unverified. Raises NotAToken."""
    try:
        _, body, _ = token.split(".")
        claims = json.loads(b64decode(body + "=" * (-len(body) % 4), b"-_", validate=True))
    except (ValueError, RecursionError):
        raise NotAToken("the token has no claims that can be read") from None
    if not isinstance(claims, dict):
        raise NotAToken("the claims of the token are no object")
    return claims


def verified_claims(token: str, secret: bytes) -> dict[str, Any]:
    """Return the claims of a token that was signed with the secret. Raises NotAToken.

    The header is not read: the only algorithm is HS256. Expiry and revocation are left to the caller.
    """
    signed, _, signature = token.rpartition(".")
    if not token.isascii() or not hmac.compare_digest(signature, _signature(signed, secret)):
        raise NotAToken("the signature of the token is not valid here")
    claims = claims_of(token)
    texts = all(isinstance(claims.get(name), str) for name in ("sub", "jti"))
    if not texts or claims.get("iss") != ISSUER or not isinstance(claims.get("exp"), int):
        raise NotAToken("the token lacks a claim")
    if claims.get("aud") not in (AUDIENCE, OPERATOR_AUDIENCE):
        raise NotAToken("the token is for another service")
    return claims


def _signature(signed: str, secret: bytes) -> str:
    return _encode(hmac.digest(secret, signed.encode(), hashlib.sha256))


def _encode(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


# ---- the operator's token


def operator_name() -> str:
    """Return the user at the terminal, by the operating system's name; `operator` where the system has none."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):
        # Windows without its variables has no module pwd, and a container may have a user without a name.
        name = ""
    printable = "".join(char for char in name if char.isprintable()).strip()
    return printable[:128] or OPERATOR_ID


def operator_token(secret: bytes, now_s: int) -> str:
    """Return a token of the operator, good for a minute: a user who can read the folder's secret is the operator.

    The token names the operating system's user, for audit and jobs.
    """
    claims = {
        "iss": ISSUER,
        "aud": OPERATOR_AUDIENCE,
        "sub": operator_name(),
        "jti": OPERATOR_ID,
        "iat": now_s,
        "exp": now_s + OPERATOR_S,
    }
    return sign(claims, secret)

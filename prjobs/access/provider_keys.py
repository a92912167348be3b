"""The public keys of an outside provider, read from a key set or a certificate.

Only a site with a provider imports this module: cryptography takes ten megabytes.
"""

import re
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from prjobs.base.errors import Unusable

ALGORITHM = "RS256"
MIN_KEY_BITS = 2048


def parse_keys(key_set: Any) -> dict[str, RSAPublicKey]:
    """Return the RSA signature keys of a JSON Web Key Set (RFC 7517) by `kid`; leave other kinds of keys out."""
    found: dict[str, RSAPublicKey] = {}
    listed = key_set.get("keys") if isinstance(key_set, dict) else None
    for key in listed if isinstance(listed, list) else []:
        if not isinstance(key, dict) or not isinstance(key.get("kid"), str) or key.get("use", "sig") != "sig":
            continue
        if key.get("kty") != "RSA" or key.get("alg", ALGORITHM) != ALGORITHM:
            continue
        try:
            public = jwt.PyJWK(key, ALGORITHM).key
        except (jwt.PyJWTError, ValueError):
            continue
        if isinstance(public, RSAPublicKey) and public.key_size >= MIN_KEY_BITS:
            found[key["kid"]] = public
    return found


def read_certificate(named: str) -> RSAPublicKey:
    """Return the key of a PEM certificate or public key, given as a file or as text; newlines may have become spaces.

    Raise Unusable for any other text, and for a key other than RSA with at least 2048 bits.
    """
    try:
        text = named if named.lstrip().startswith("-----BEGIN") else Path(named).read_text(encoding="utf-8")
        kind, body = re.findall(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END", text, re.S)[0]
        lines = [f"-----BEGIN {kind}-----", *body.split(), f"-----END {kind}-----", ""]
        pem = "\n".join(lines).encode()
        key = load_pem_x509_certificate(pem).public_key() if kind == "CERTIFICATE" else load_pem_public_key(pem)
    except OSError as error:
        raise Unusable(f"oidc_certificate: {named} cannot be read: {error.strerror}.") from None
    except (ValueError, IndexError):
        raise Unusable("oidc_certificate must be a certificate or a public key in PEM form.") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < MIN_KEY_BITS:
        raise Unusable(f"oidc_certificate must hold an RSA key of at least {MIN_KEY_BITS} bits.")
    return key

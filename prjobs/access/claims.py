"""The claims of an accepted token of an outside provider, in a form that can be stored and shown."""

from typing import Any

from prjobs.access.identity import ROLES

# The latest time that is stored and shown.
MAX_S = 10**11


def listed_roles(claims: dict[str, Any], namespace: str, name: str) -> tuple[str, ...] | None:
    """Return the known roles of NAMESPACE/name; None without a list. A slash at the namespace's end is left out."""
    base = namespace.rstrip("/")
    for claim in (f"{base}/{name}", f"{base}//{name}"):
        metadata = claims.get(claim)
        if isinstance(metadata, dict) and isinstance(metadata.get("roles"), list):
            return tuple(role for role in metadata["roles"] if role in ROLES)
    return None


def seconds(value: Any) -> int:
    """Return a time of an accepted token, within what JSON numbers of a page can hold."""
    return max(0, min(int(value or 0), MAX_S))


def printable(value: Any) -> str:
    """Return a text without control characters and halves of characters, cut at 128 characters; empty for no text."""
    if not isinstance(value, str):
        return ""
    return "".join(char for char in value if char.isprintable()).strip()[:128]

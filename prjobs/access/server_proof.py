"""The proof of a server to serve the folder: after its end, another user's program may listen on the same port.

The operator's commands send a challenge before any token. Only a process with the folder's secret can answer; the
answer holds for one port, so no program on another port can pass the challenge on.
"""

import hashlib
import hmac

PATH = "/api/proof"
CHALLENGE_BYTES = 32
# A key of its own: the secret also signs tokens, and an answer must never be a signature of a token.
_PURPOSE = b"prjobs: the proof of a server"


def prove(secret: bytes, challenge: str, port: int) -> str:
    """Return the answer to a challenge, for the server on the port."""
    key = hmac.digest(secret, _PURPOSE, hashlib.sha256)
    return hmac.digest(key, f"{challenge} {port}".encode(), hashlib.sha256).hex()

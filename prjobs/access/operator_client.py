"""The client for the operator's commands: the token goes only to a server that proves that it serves the folder."""

import hmac
import os
from urllib.parse import urlsplit

from prjobs.access.server_proof import CHALLENGE_BYTES, PATH, prove
from prjobs.access.signing import operator_token
from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.client import CallFailed, Client, NotReached


def proved_client(folder: Folder, url: str, clock: Clock, timeout_s: float = 20.0) -> Client:
    """Return a client of the server at the URL once the server has proved the folder's secret.

    The token is $PRJOBS_TOKEN, or one for a minute: a user who can read the folder's secret is the operator. Raises
    Unusable without a proof, and CallFailed when no server answers; no token was sent then.
    """
    secret, challenge = folder.known_secret(), clock.random_bytes(CHALLENGE_BYTES).hex()
    expected = prove(secret, challenge, urlsplit(url).port or 80)
    with Client(url, timeout_s=timeout_s) as stranger:
        answer = _answer(stranger, challenge)
    if not hmac.compare_digest(answer, expected):
        raise Unusable(
            f"The program at {url} does not prove that it is the server of {folder.path}, so no token was sent to it. "
            "Perhaps another program took the port, or the server is of an older version: start the server again."
        )
    token = os.environ.get("PRJOBS_TOKEN") or operator_token(secret, clock.now_ms() // 1000)
    return Client(url, token, timeout_s=timeout_s)


def _answer(stranger: Client, challenge: str) -> str:
    """Return the answer as ASCII text; empty for an answer of another kind."""
    try:
        said = stranger.api("GET", PATH, query={"challenge": challenge})
    except NotReached as not_reached:
        if not not_reached.perhaps_done:
            raise
        return ""
    except CallFailed:
        return ""
    answer = said.get("proof") if isinstance(said, dict) else None
    return answer if isinstance(answer, str) and answer.isascii() else ""

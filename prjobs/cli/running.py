"""The server that runs on a data folder, as its operator's commands reach it."""

import os

from prjobs.access import tokens
from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.client import Client


def running_client(folder: Folder) -> Client | None:
    """Return a client of the server that runs on the folder; None without a server.

    The token is $PRJOBS_TOKEN, or one for a minute: a user who can read the folder's secret is the operator.
    """
    if not folder.is_served():
        return None
    url = folder.server().get("url")
    if url is None:
        raise Unusable(f"A process has locked {folder.path}, but has written no address yet: wait for its start.")
    own = os.environ.get("PRJOBS_TOKEN")
    return Client(url, own or tokens.operator_token(folder.known_secret(), Clock().now_ms() // 1000))


def require_client(folder: Folder) -> Client:
    """Return a client of the running server. Raises Unusable without a server."""
    client = running_client(folder)
    if client is None:
        raise Unusable(f"No server runs on {folder.path}. Start one with `prjobs serve`.")
    return client

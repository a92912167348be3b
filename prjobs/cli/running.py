"""The running server of a data folder, for the operator's commands."""

from typing import TYPE_CHECKING

from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder

if TYPE_CHECKING:
    from prjobs.client import Client


def running_client(folder: Folder) -> "Client | None":
    """Return a client of the server that runs on the folder; None without a server.

    Raises Unusable if the program at the server's address does not prove that it is the folder's server.
    """
    if not folder.is_served():
        return None
    server = folder.server()
    url, active = server.get("url"), server.get("active")
    if active is not None:
        where = f"The active process is at {active}" if active else "No process is active yet"
        raise Unusable(f"The server of {folder.path} is a standby of its hub. {where}: run the command there.")
    if url is None:
        raise Unusable(f"A process has locked {folder.path}, but has written no address yet: wait for its start.")
    # Imported late: without a server no client is needed, nor the library of HTTP.
    from prjobs.access.operator_client import proved_client

    return proved_client(folder, url, Clock())


def require_client(folder: Folder) -> "Client":
    """Return a client of the running server. Raises Unusable without a server."""
    client = running_client(folder)
    if client is None:
        raise Unusable(f"No server runs on {folder.path}. Start one with `prjobs serve`.")
    return client

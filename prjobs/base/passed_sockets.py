"""The listening sockets that systemd passes to a service: connections wait there while the service restarts.

https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
"""

import errno
import logging
import os
import socket

logger = logging.getLogger(__name__)
FIRST = 3
NAMES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


def passed_sockets(host: str, port: int) -> list[socket.socket]:
    """Return the sockets for this process; none without systemd. `host` and `port`: the settings, which do not count.

    Raise OSError for a socket on which no connection of TCP can come, or whose callers' addresses would be unknown.
    """
    count = _count()
    for name in NAMES:
        # A process that this one starts must not take the sockets for its own.
        os.environ.pop(name, None)
    passed = [socket.socket(fileno=number) for number in range(FIRST, FIRST + count)]
    for one in passed:
        _require_usable(one)
        one.set_inheritable(False)
        address, its_port = one.getsockname()[:2]
        if its_port != port:
            said = "systemd listens on %s port %s, not on %s port %s of the settings: print the socket unit anew"
            logger.warning(said, address, its_port, host, port)
    return passed


def _count() -> int:
    if os.environ.get("LISTEN_PID", "") != str(os.getpid()):
        return 0
    count = os.environ.get("LISTEN_FDS", "")
    return int(count) if count.isascii() and count.isdigit() else 0


def _require_usable(one: socket.socket) -> None:
    is_listening = one.family in _FAMILIES and one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if not is_listening or one.type != socket.SOCK_STREAM:
        raise OSError(errno.EINVAL, "systemd passed a socket that is no listening TCP socket: use ListenStream=")
    if one.family == socket.AF_INET6 and not one.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
        raise OSError(errno.EINVAL, "the socket unit of systemd lacks the line BindIPv6Only=ipv6-only")

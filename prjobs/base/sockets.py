"""The listening sockets, on whose port no other process may listen; ends of connections; the machine's own names."""

import errno
import logging
import os
import socket
import sys
from contextlib import suppress
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

try:
    import fcntl
    import termios
except ImportError:  # Windows
    fcntl = termios = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)
# Windows: with SO_REUSEADDR, which waitress would set, a second process could listen on the same port and get a share
# of the requests. SO_EXCLUSIVEADDRUSE prevents a second listener, but fails while connections of a stopped server
# linger; then a bind without an option succeeds, and still fails if another process listens.
# https://learn.microsoft.com/en-us/windows/win32/winsock/using-so-reuseaddr-and-so-exclusiveaddruse
# Elsewhere SO_REUSEADDR only allows a bind while old connections linger.
OPTIONS = (getattr(socket, "SO_EXCLUSIVEADDRUSE", None), None) if os.name == "nt" else (socket.SO_REUSEADDR,)
Address = tuple[int, int, int, tuple[Any, ...]]
LOOPBACKS = ("127.0.0.1", "::1")
EVERY_ADDRESS = ("0.0.0.0", "::", "*")
# The errors of a system without IPv6, and those of a taken port.
NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
TAKEN = (errno.EADDRINUSE, errno.EACCES)
# With port 0, the port that is free at the first address may be taken at the second.
TRIES = 20
# The names that this machine gives to addresses without asking a name server.
HOSTS = (
    Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "drivers", "etc", "hosts")
    if os.name == "nt"
    else Path("/etc/hosts")
)


def bind_sockets(host: str, port: int) -> list[socket.socket]:
    """Return a bound socket for each address of the host, a name, an address or `*`, all on the same port.

    127.0.0.1 and `localhost` stand for ::1 too: many systems try ::1 first for `localhost`, and Windows waits for two
    seconds before 127.0.0.1. Raises OSError, with the address as its file name, if the port is taken at any of them.
    """
    hosts = LOOPBACKS if host.lower() in (LOOPBACKS[0], "localhost") else (host,)
    for _ in range(TRIES):
        try:
            return _bind_all(hosts, port)
        except OSError as error:
            if port or error.errno not in TAKEN:
                raise
    return _bind_all(hosts, port)


def _bind_all(hosts: tuple[str, ...], port: int) -> list[socket.socket]:
    bound: list[socket.socket] = []
    try:
        for address in (address for host in hosts for address in _addresses(host)):
            try:
                bound.append(_bind(address, bound[0].getsockname()[1] if bound else port))
            except OSError as error:
                if not (bound and address[0] == socket.AF_INET6 and error.errno in NO_IPV6):
                    raise
                logger.info("no IPv6 on this machine: prjobs does not listen on %s (%s)", address[3][0], error.strerror)
    except OSError:
        for opened in bound:
            opened.close()
        raise
    return bound


def _addresses(host: str) -> list[Address]:
    """Return the addresses of the host; the system may name an IPv6 address once for each zone."""
    found: dict[str, Address] = {}
    asked = None if host == "*" else host.strip("[]")
    if asked == LOOPBACKS[1]:
        # A system without IPv6 may not read the address either.
        return [(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, (asked, 0))]
    try:
        answers = socket.getaddrinfo(
            asked, 0, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )
    except UnicodeError:
        raise OSError(errno.EINVAL, "the host is no name or address") from None
    for family, kind, protocol, _, address in answers:
        found.setdefault(str(address[0]).partition("%")[0], (family, kind, protocol, address))
    return list(found.values())


def _bind(address: Address, port: int) -> socket.socket:
    for option in OPTIONS[:-1]:
        with suppress(OSError):
            return _bind_with(address, port, option)
    return _bind_with(address, port, OPTIONS[-1])


def _bind_with(address: Address, port: int, option: int | None) -> socket.socket:
    family, kind, protocol, (host, _, *scope) = address
    opened = socket.socket(family, kind, protocol)
    try:
        if option is not None:
            opened.setsockopt(socket.SOL_SOCKET, option, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((host, port, *scope))
    except OSError as error:
        opened.close()
        raise OSError(error.errno, error.strerror, host) from None
    return opened


# ---- the end of a connection


def is_ended(opened: socket.socket) -> bool:
    """Return True if the other end of a socket that does not block has ended its side, or reset the connection."""
    try:
        return not opened.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


def unacknowledged(opened: socket.socket) -> int | None:
    """Return the number of sent bytes that the other end has not acknowledged; None where the system does not tell."""
    if fcntl is None:
        return None
    try:
        return int.from_bytes(fcntl.ioctl(opened, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    except OSError:
        return None


# ---- the machine's own names


def is_loopback(host: str) -> bool:
    """Return True if only programs on this machine reach the host, a name or an address."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def address_for_others() -> str:
    """Return the address that other machines of the network use for this machine, else the machine's name."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # No packet leaves: the system only chooses the address with which one would. The net is for documentation.
        probe.connect(("192.0.2.1", 9))
        if not is_loopback(address := str(probe.getsockname()[0])):
            return address
    return socket.gethostname()


def is_own_host(host: str) -> bool:
    """Return True if the host is an address or a name of this machine.

    Asked of the system anew each time: a machine may get another address at any time.
    """
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return _is_own_name(host.lower().rstrip("."))
    if address.is_unspecified or address.is_multicast:
        return False
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        # Only an address of this machine can be bound.
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
        return True
    except OSError:
        return False


def prefers_ipv6() -> bool:
    """Return True if programs on this machine try ::1 first for `localhost`."""
    try:
        answers = socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return answers[0][0] == socket.AF_INET6


def own_names(hosts: Path = HOSTS) -> set[str]:
    """Return the names of this machine in small letters: the full name, and the names in the file of hosts."""
    found = {socket.gethostname().lower(), _full_name()}
    try:
        lines = hosts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        address, *names = line.partition("#")[0].split() or [""]
        # Names for 127.0.0.1 are often those of unwanted web sites; Debian gives 127.0.1.1 the machine's own.
        if names and address not in LOOPBACKS and _is_own_address(address):
            found |= {name.lower().rstrip(".") for name in names}
    return {name for name in found if name and not is_loopback(name) and not name.startswith(("localhost", "ip6-"))}


def _is_own_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return is_own_host(text)


def _is_own_name(name: str) -> bool:
    own = socket.gethostname().lower()
    short = own.partition(".")[0]
    if name in (own, short, f"{short}.local"):
        return True
    # A name server that does not answer takes seconds: only a name that may be the machine's is worth asking for.
    return name.partition(".")[0] == short and name == _full_name()


@cache
def _full_name() -> str:
    return socket.getfqdn().lower()

"""The listening sockets, on whose port no other process may listen; ends of connections; the machine's own names."""

import errno
import os
import socket
import sys
from contextlib import suppress
from functools import cache
from ipaddress import ip_address

try:
    import fcntl
    import termios
except ImportError:  # Windows
    fcntl = termios = None  # type: ignore[assignment]

# Windows: with SO_REUSEADDR, which waitress would set, a second process could listen on the same port and get a share
# of the requests. SO_EXCLUSIVEADDRUSE prevents a second listener, but fails while connections of a stopped server
# linger; then a bind without an option succeeds, and still fails if another process listens.
# https://learn.microsoft.com/en-us/windows/win32/winsock/using-so-reuseaddr-and-so-exclusiveaddruse
# Elsewhere SO_REUSEADDR only allows a bind while old connections linger.
OPTIONS = (getattr(socket, "SO_EXCLUSIVEADDRUSE", None), None) if os.name == "nt" else (socket.SO_REUSEADDR,)
Address = tuple[int, int, int, tuple[str, int]]


def bind_sockets(host: str, port: int) -> list[socket.socket]:
    """Return a bound socket for each address of the host, a name, an address or `*`.

    Raises OSError if the port is taken at any of the addresses.
    """
    bound: list[socket.socket] = []
    try:
        for address in _addresses(host, port):
            bound.append(_bind(address))
    except OSError:
        for opened in bound:
            opened.close()
        raise
    return bound


def _addresses(host: str, port: int) -> list[Address]:
    """Return the addresses of the host; the system may name an IPv6 address once for each zone."""
    found: dict[tuple[str, int], Address] = {}
    asked = None if host == "*" else host.strip("[]")
    try:
        answers = socket.getaddrinfo(
            asked, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )
    except UnicodeError:
        raise OSError(errno.EINVAL, "the host is no name or address") from None
    for family, kind, protocol, _, address in answers:
        name = str(address[0]).partition("%")[0], port
        found.setdefault(name, (family, kind, protocol, address))  # type: ignore[arg-type]
    return list(found.values())


def _bind(address: Address) -> socket.socket:
    for option in OPTIONS[:-1]:
        try:
            return _bind_with(address, option)
        except OSError:
            continue
    return _bind_with(address, OPTIONS[-1])


def _bind_with(address: Address, option: int | None) -> socket.socket:
    family, kind, protocol, host_and_port = address
    opened = socket.socket(family, kind, protocol)
    try:
        if option is not None:
            opened.setsockopt(socket.SOL_SOCKET, option, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(host_and_port)
    except OSError:
        opened.close()
        raise
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


def is_own(host: str) -> bool:
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

"""The sockets that the appliance listens on: no other process may have their port at the same time."""

import os
import socket

# Windows: with SO_REUSEADDR, which waitress sets before it binds, a second process gets the same port and takes a share
# of the requests. SO_EXCLUSIVEADDRUSE forbids that, but is refused while a connection of a server that was stopped just
# now lingers; a plain bind is not, and is still refused while another one listens.
# https://learn.microsoft.com/en-us/windows/win32/winsock/using-so-reuseaddr-and-so-exclusiveaddruse
# Elsewhere SO_REUSEADDR only means that lingering connections are no hindrance.
WAYS = (getattr(socket, "SO_EXCLUSIVEADDRUSE", None), None) if os.name == "nt" else (socket.SO_REUSEADDR,)
Address = tuple[int, int, int, tuple[str, int]]


def bind_sockets(host: str, port: int) -> list[socket.socket]:
    """A bound socket for each address of the host, which may be a name or `*`. OSError when one of them is taken."""
    bound: list[socket.socket] = []
    try:
        for address in _addresses(host, port):
            bound.append(_bind(address))
    except OSError:
        for one in bound:
            one.close()
        raise
    return bound


def _addresses(host: str, port: int) -> list[Address]:
    """Without those that the system names twice, be it with another zone."""
    found: dict[tuple[str, int], Address] = {}
    asked = None if host == "*" else host.strip("[]")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        asked, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
    ):
        name = str(address[0]).partition("%")[0], port
        found.setdefault(name, (family, kind, protocol, address))  # type: ignore[arg-type]
    return list(found.values())


def _bind(address: Address) -> socket.socket:
    for way in WAYS[:-1]:
        try:
            return _bind_as(address, way)
        except OSError:
            continue
    return _bind_as(address, WAYS[-1])


def _bind_as(address: Address, option: int | None) -> socket.socket:
    family, kind, protocol, where = address
    one = socket.socket(family, kind, protocol)
    try:
        if option is not None:
            one.setsockopt(socket.SOL_SOCKET, option, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(where)
    except OSError:
        one.close()
        raise
    return one

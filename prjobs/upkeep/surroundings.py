"""The machine around the appliance: names, proxies, addresses and other programs that will be in the way one day."""

import threading
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from prjobs.base.notices import Code
from prjobs.base.settings import Settings
from prjobs.base.sockets import HOSTS, is_loopback, is_own_host, own_names, prefers_ipv6
from prjobs.jobs.queue import Queue
from prjobs.upkeep.kept_folders import scanner_of, synchroniser_of

CODES = (Code.UNNAMED_HOSTS, Code.PROXY_UNUSED, Code.IPV4_ONLY, Code.SYNC_FOLDER, Code.SCANNED_FOLDER)


class Concern(NamedTuple):
    """A thing that will be in the way, with the remedy. `is_wish`: a person set it so, which may be right."""

    code: Code
    sentence: str
    is_wish: bool = False


def concerns(settings: Settings, folder: Path, addresses: Iterable[str]) -> Iterator[Concern]:
    """Yield the concerns about the machine; `addresses`: those on which the appliance listens."""
    yield from unnamed_hosts(settings)
    yield from proxy_unused(settings)
    yield from ipv4_only(addresses)
    yield from kept_folder(folder)


def unnamed_hosts(settings: Settings, hosts: Path = HOSTS) -> Iterator[Concern]:
    """Yield a concern about names that lead to this machine while requests under them are refused."""
    if is_loopback(settings.host):
        return
    known = {name.lower() for name in (settings.host, *settings.allowed_hosts)}
    if refused := sorted(name for name in own_names(hosts) - known if not is_own_host(name)):
        names = ", ".join(refused)
        yield Concern(
            Code.UNNAMED_HOSTS,
            f"Requests to this machine under the name {names} are refused: add the name to the setting allowed_hosts, "
            "and restart prjobs.",
        )


def proxy_unused(settings: Settings) -> Iterator[Concern]:
    """Yield a concern about a proxy of the environment that the link to the cloud does not use."""
    if settings.cloud_mode == "off" or not settings.cloud_base_url:
        return
    # Imported late, as the client of the cloud is: a site without the link needs no library of HTTP.
    from prjobs.base.proxies import unused_proxy

    if unused := unused_proxy(settings.cloud_base_url, settings.proxies):
        yield Concern(
            Code.PROXY_UNUSED,
            f"The environment has a proxy, and the link to the cloud does not use it: {unused.reason}. If this machine "
            "reaches the cloud through a proxy only, correct that.",
            unused.is_wish,
        )


def ipv4_only(addresses: Iterable[str]) -> Iterator[Concern]:
    """Yield a concern about a server on IPv4 alone, where programs look for `localhost` at ::1 first."""
    heard = [ip_address(address.partition("%")[0]) for address in addresses]
    hears_own = any(one.version == 4 and (one.is_unspecified or one.is_loopback) for one in heard)
    if hears_own and all(one.version == 4 for one in heard) and prefers_ipv6():
        yield Concern(
            Code.IPV4_ONLY,
            "prjobs listens on IPv4 alone, and this machine looks for localhost at ::1 first: programs that ask "
            "localhost are refused, or wait. Give them 127.0.0.1, or set host to * to listen on IPv6 too.",
        )


def kept_folder(folder: Path) -> Iterator[Concern]:
    """Yield concerns about other programs that hold the data folder."""
    if name := synchroniser_of(folder):
        yield Concern(
            Code.SYNC_FOLDER,
            f"{name} synchronises the data folder {folder}: it locks the store for moments, and may bring an old store "
            "back. Stop prjobs, move the folder out of the reach of that program, and name the new place by --data.",
        )
    if name := scanner_of(folder):
        yield Concern(
            Code.SCANNED_FOLDER,
            f"{name} watches the data folder {folder}, and may hold up or refuse writes: exempt the folder there.",
        )


class Surroundings:
    """The watch over the machine around a running appliance."""

    def __init__(self, queue: Queue, addresses: Iterable[str]) -> None:
        self._queue = queue
        self._addresses = tuple(addresses)
        self._thread: threading.Thread | None = None

    def once(self) -> None:
        """Begin a look, unless the last one lasts: a name server that does not answer would hold up other chores."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self.look_once, name="surroundings", daemon=True)
            self._thread.start()

    def look_once(self) -> None:
        """Raise the notices about the machine, and end those that are over."""
        queue = self._queue
        said = dict.fromkeys(CODES, "")
        for one in concerns(queue.settings, queue.folder, self._addresses):
            # What a person set is worth a notice only while the cloud does not answer.
            if not one.is_wish or Code.CLOUD_DOWN in queue.notices:
                said[one.code] = one.sentence
        for code, sentence in said.items():
            queue.notices.say(code, sentence)

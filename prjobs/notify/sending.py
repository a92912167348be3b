"""The sending of a message by Apprise. Only this module imports Apprise, since the services take 29 MB of memory.

Apprise and the libraries of the services write addresses with passwords into the log: all such lines are dropped.
"""

import logging
import re
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import apprise
from apprise import AppriseAsset, NotifyFormat, NotifyType
from apprise.conversion import convert_between

from prjobs.base.errors import Unusable
from prjobs.base.notices import Code
from prjobs.base.notify_addresses import Address, parse_notify
from prjobs.base.proxies import NONE
from prjobs.base.settings import Settings
from prjobs.base.suggestions import did_you_mean
from prjobs.monitor.alarms import KINDS, WHAT_TO_DO
from prjobs.notify.news import Message

KNOWN_KINDS = (*KINDS, *dict.fromkeys([*WHAT_TO_DO, *Code]))
# A message names prjobs as the sender, and has no pictures of Apprise's own, which a phone would fetch.
_LOOKS: dict[str, Any] = {
    "app_id": "prjobs",
    "app_desc": "prjobs",
    "app_url": "",
    "image_url_mask": "",
    "image_url_logo": "",
    "secure_logging": True,
}
_TONES = {"failure": NotifyType.FAILURE, "warning": NotifyType.WARNING, "success": NotifyType.SUCCESS}
_STATUS = re.compile(r"\berror=(\d{3})\b")
_UNREACHED = re.compile(r"connection|connect|timed? ?out|socket", re.IGNORECASE)
NO_REASON = "the service did not take the message"


class _Reasons(logging.Handler):
    """The reasons of failures as logged by Apprise, without addresses: kept for the sending thread."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.of_thread = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the status of a refusal, or the lack of a connection."""
        try:
            said = record.getMessage()
        except Exception:
            return
        if status := _STATUS.search(said):
            self.of_thread.reason = f"the service answered {status[1]}"
        elif record.levelno >= logging.WARNING and _UNREACHED.search(said):
            self.of_thread.reason = "the service cannot be reached"


_reasons = _Reasons()


class Recipient(NamedTuple):
    """An address with the service of Apprise behind the address."""

    address: Address
    service: Any

    def send(self, message: Message) -> str:
        """Send a message; return the reason of a failure, without secrets, or an empty text."""
        _reasons.of_thread.reason = NO_REASON
        try:
            is_sent = self.service.notify(**_rendered(self.service, message))
        except Exception as error:
            # The text of the error may have the address inside.
            return f"the service failed ({type(error).__name__})"
        return "" if is_sent else str(_reasons.of_thread.reason)


def _rendered(service: Any, message: Message) -> dict[str, Any]:
    """Return the message in the format of a service: text in the form of HTML stays text in a mail."""
    resolve = getattr(service, "resolve_format", None)
    form = resolve(NotifyFormat.TEXT) if resolve else service.notify_format
    title, body = message.title, convert_between(NotifyFormat.TEXT, form, message.body)
    if service.title_maxlen <= 0:
        title = convert_between(NotifyFormat.TEXT, form, title)
    return {"title": title, "body": body, "notify_type": _TONES[message.tone], "body_format": form}


def recipients(settings: Settings) -> list[Recipient]:
    """Return the recipients of the setting `notify`. Raise Unusable for an address in a wrong form."""
    _silence(settings.proxies)
    try:
        addresses = parse_notify(settings.notify)
    except ValueError as wrong:
        raise Unusable(f"notify: {wrong}.") from None
    return [_recipient(one) for one in addresses]


def _recipient(address: Address) -> Recipient:
    _require_kinds(address)
    where = f"notify: address {address.number} ({address.schema})"
    schemas = _schemas()
    if address.schema not in schemas:
        near = did_you_mean(address.schema, schemas)
        raise Unusable(f"{where}: Apprise knows no service of this name. {near}".rstrip())
    try:
        service = apprise.Apprise.instantiate(address.url, asset=AppriseAsset(**_LOOKS))
    except Exception:
        service = None
    if service is None:
        raise Unusable(
            f"{where}: this is no address of the service: a part is missing or wrong. Apprise's page on the service "
            "has its form; special letters of a password are written as in %40."
        )
    return Recipient(address, service)


def _schemas() -> Sequence[str]:
    return [str(schema) for schema in apprise.plugins.N_MGR.schemas()]


def _require_kinds(address: Address) -> None:
    for kind in address.kinds:
        if kind not in KNOWN_KINDS:
            near = did_you_mean(kind, KNOWN_KINDS)
            kinds = ", ".join(KINDS)
            raise Unusable(
                f"notify: address {address.number} ({address.schema}): there is no kind of alarm named {kind}. "
                f"{near or f'The kinds are {kinds}, and the names of alarms and notices.'}"
            )


def _silence(proxies: str) -> None:
    """Keep the lines of Apprise out of every log, and requests away from proxies where the setting says so."""
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.handlers = [_reasons]
    from requests import sessions, utils

    if proxies == NONE:
        for module in (sessions, utils):
            module.get_environ_proxies = _no_proxies  # type: ignore[attr-defined]


def _no_proxies(*_: Any, **__: Any) -> dict[str, str]:
    return {}

"""The calls of an Alpaca server, over HTTP: https://ascom-standards.org/api/

Each call is a request of its own, so that an abort never waits for another call. The library alpyca holds one lock over
the requests of all devices: a camera that hangs would hold back the abort of the mount.
"""

import itertools
import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError

from prjobs.observing.faults import DeviceFault

PORT = 11111
# Older drivers answer a command when the motion has ended.
CONNECT_S, ANSWER_S = 3.0, 10.0
IMAGE_S = 120.0
NOT_IMPLEMENTED, NOT_CONNECTED, PARKED = 0x400, 0x407, 0x408
CLIENT_ID = 8642
KINDS = ("telescope", "camera", "focuser", "filterwheel", "rotator", "dome")
MOST_DEVICES = 8
NO_VALUES: Mapping[str, str] = MappingProxyType({})
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
IMAGE_BYTES = "application/imagebytes"


class AlpacaError(DeviceFault):
    """A device refused a call; `number` is one of the standard's."""

    def __init__(self, number: int, sentence: str) -> None:
        super().__init__(sentence)
        self.number = number


class AlpacaLink:
    """A server and the numbers of its devices by kind and name."""

    answer_s = ANSWER_S

    def __init__(self, host: str, port: int = PORT) -> None:
        self.address = f"{host}:{port}"
        self._root = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._pool = urllib3.PoolManager(maxsize=16, retries=False)
        self._calls = itertools.count(1)
        self._numbers: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def devices(self, kinds: Sequence[str] = KINDS) -> list[dict[str, Any]]:
        """Return the devices of the server, with DeviceName, DeviceType and DeviceNumber: those of the kinds."""
        answer = self._request("GET", "/management/v1/configureddevices")
        if answer.status == 404:
            return [one for kind in kinds for one in self._search(kind)]
        found = self._checked(answer, "the server")
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    def _search(self, kind: str) -> list[dict[str, Any]]:
        """Return the devices of a kind by asking for each number: some simulators have no list."""
        found: list[dict[str, Any]] = []
        with suppress(AlpacaError):
            for number in range(MOST_DEVICES):
                name = self._value("GET", f"/api/v1/{kind}/{number}/name", {}, kind)
                found.append({"DeviceName": name, "DeviceType": kind, "DeviceNumber": number})
        return found

    def number_of(self, kind: str, name: str) -> int:
        """Return the number of a device. Raise DeviceFault if the server has none of the kind with the name."""
        with self._lock:
            known = self._numbers.get((kind, name))
        if known is not None:
            return known
        # A device of another kind that hangs is not asked.
        for one in self.devices((kind,)):
            if str(one.get("DeviceType", "")).lower() == kind and one.get("DeviceName") == name:
                with self._lock:
                    self._numbers[kind, name] = int(one["DeviceNumber"])
                return int(one["DeviceNumber"])
        raise DeviceFault(f"The Alpaca server {self.address} has no {kind} {name}.")

    def get(self, kind: str, name: str, what: str) -> Any:
        """Return a property of a device."""
        return self._call("GET", kind, name, what, {})

    def put(self, kind: str, name: str, what: str, **values: object) -> None:
        """Call a method of a device, or set a property."""
        self._call("PUT", kind, name, what, {key: str(value) for key, value in values.items()})

    def image(self, kind: str, name: str) -> bytes | list[Any]:
        """Return the image of a camera: as ImageBytes, or from a server without them as lists."""
        path = f"/api/v1/{kind}/{self.number_of(kind, name)}/imagearray"
        answer = self._request("GET", path, headers={"Accept": f"{IMAGE_BYTES}, application/json"}, seconds=IMAGE_S)
        if answer.headers.get("Content-Type", "").startswith(IMAGE_BYTES):
            return answer.data
        return list(self._checked(answer, name))

    def _call(self, method: str, kind: str, name: str, what: str, values: dict[str, str]) -> Any:
        """Return the answer of a device; a device that is not connected to its hardware is connected first."""
        path = f"/api/v1/{kind}/{self.number_of(kind, name)}/"
        try:
            return self._value(method, path + what, values, name)
        except AlpacaError as error:
            if error.number != NOT_CONNECTED:
                raise
        self._value("PUT", path + "connected", {"Connected": "True"}, name)
        return self._value(method, path + what, values, name)

    def _value(self, method: str, path: str, values: dict[str, str], name: str) -> Any:
        return self._checked(self._request(method, path, values), name)

    def _request(
        self,
        method: str,
        path: str,
        values: Mapping[str, str] = NO_VALUES,
        *,
        headers: Mapping[str, str] = NO_VALUES,
        seconds: float | None = None,
    ) -> urllib3.BaseHTTPResponse:
        call = {**values, "ClientID": str(CLIENT_ID), "ClientTransactionID": str(next(self._calls))}
        timeout = urllib3.Timeout(connect=CONNECT_S, read=seconds or self.answer_s)
        url, form = self._root + path, urlencode(call)
        try:
            if method == "GET":
                return self._pool.request(method, f"{url}?{form}", headers=headers, timeout=timeout)
            return self._pool.request(method, url, body=form, headers={**headers, **FORM}, timeout=timeout)
        except ReadTimeoutError as error:
            raise DeviceFault(
                f"The Alpaca server {self.address} hangs at {path}: nobody knows what the device does."
            ) from error
        except HTTPError as error:
            raise DeviceFault(
                f"The Alpaca server {self.address} does not answer: nobody knows what its devices do."
            ) from error

    def _checked(self, answer: urllib3.BaseHTTPResponse, name: str) -> Any:
        """Return the value in an answer. Raise AlpacaError with the words of the server for a refusal."""
        try:
            found = json.loads(answer.data)
            number, words = int(found["ErrorNumber"]), str(found["ErrorMessage"])
        except (ValueError, KeyError, TypeError):
            text = answer.data.decode(errors="replace")[:200]
            raise DeviceFault(f"{name}: the Alpaca server answered {answer.status}: {text}") from None
        if number:
            raise AlpacaError(number, f"{name} refused: {words}" if words else f"{name} refused: error {number:#x}.")
        return found.get("Value")

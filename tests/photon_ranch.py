"""A stand-in for the deployed observatory program: its parts, their names, and how they call each other.

Written from what LCOGT/ptr-observatory does: a flush while the object is made, a thread that reads new jobs and a main
loop that carries them out one by one, devices with `parse_command`, a stop that empties the queue and sets a flag. What
a device does is in the job's parameters.
"""

import json
import queue
import threading
import time
from typing import Any

import requests

reqs = requests.Session()
DEVICES = {"mount": ["mount1"], "camera": ["camera1"], "sequencer": ["sequencer1"], "rotator": []}


class Device:
    """Carries out one command at a time, and returns early when the observatory's stop flag is set."""

    def __init__(self, obs: "Observatory", name: str) -> None:
        self.obs, self.name = obs, name

    def parse_command(self, command: dict[str, Any]) -> Any:
        asked = command["required_params"]
        self.obs.did.append((command["action"], threading.current_thread().name))
        if "tells" in asked:
            self.obs.send_to_user(asked["tells"], "INFO")
        if "fails" in asked:
            raise RuntimeError(asked["fails"])
        if "exits" in asked:
            raise SystemExit(asked["exits"])
        if "flushes" in asked:
            self.obs.flush_command_queue()
        if "own" in asked:
            self.obs.all_devices["camera"]["camera1"].parse_command({"action": "own", "required_params": {}})
        while "reads" in asked and not self.obs.stop_all_activity:
            self.obs.scan_requests(cancel_check=True)
            time.sleep(0.01)
        end_s = time.monotonic() + float(asked.get("time", 0))
        while time.monotonic() < end_s and not self.obs.stop_all_activity:
            time.sleep(0.01)
        return asked.get("answers")


class Observatory:
    """The program. `config`: the address of getnewjobs, the seconds between rounds, True for no rounds of its own."""

    def __init__(self, name: str, config: dict[str, Any]) -> None:
        self.name, self.config = name, config
        self.did: list[tuple[str, str]] = []
        self.told: list[str] = []
        self.ended = False
        self.cmd_queue: queue.Queue[dict[str, Any]] = queue.Queue()
        self.stop_all_activity = False
        self.owners_only = False
        self.currently_scan_requesting = True
        self.scan_request_thread: Any = threading.Thread(target=self.scan_request_thread, daemon=True)
        self.scan_request_thread.start()
        self.all_devices = {kind: {one: Device(self, one) for one in names} for kind, names in DEVICES.items()}
        self.flush_command_queue()
        self.currently_scan_requesting = config.get("by_hand", False)

    def fetch(self) -> Any:
        return reqs.request("POST", self.config["jobs"], data=json.dumps({"site": self.name}), timeout=20).json()

    def flush_command_queue(self) -> None:
        try:
            self.fetch()
        except Exception as error:
            self.told.append(f"no flush: {error}")

    def scan_request_thread(self) -> None:  # type: ignore[no-redef]
        while not self.ended:
            if not self.currently_scan_requesting:
                self.scan_requests()
            time.sleep(self.config["every_s"])

    def scan_requests(self, cancel_check: bool = False) -> None:
        try:
            commands = self.fetch()
        except Exception:
            commands = []
        try:
            commands.sort(key=lambda command: command["timestamp_ms"])
            for command in commands:
                if self.owners_only and "owner" not in command["user_roles"]:
                    self.send_to_user("Request rejected: owners alone may command now.")
                    continue
                self.take(command)
                if cancel_check:
                    return
        except Exception as error:
            self.told.append(f"odd commands: {error!r}")

    def take(self, command: dict[str, Any]) -> None:
        if command["action"].lower() in ("cancel_all_commands", "stop", "cancel"):
            self.cancel_all_activity()
        elif command["deviceType"] == "obs":
            if command["action"] == "configure_sun_safety":
                self.send_to_user("Sun Safety " + command["required_params"]["mode"])
        elif command["deviceType"] == "rotator":
            self.send_to_user("Request rejected as site has no rotator.")
        else:
            self.stop_all_activity = False
            self.cmd_queue.put(command)

    def cancel_all_activity(self) -> None:
        self.stop_all_activity = True
        self.send_to_user("Cancel received.")
        with self.cmd_queue.mutex:
            self.cmd_queue.queue.clear()
        if "stop_fails" in self.config:
            raise RuntimeError(self.config["stop_fails"])

    def send_to_user(self, text: str, level: str = "INFO") -> None:
        self.told.append(text)

    def core_command_and_sequencer_loop(self) -> None:
        while self.cmd_queue.qsize() > 0:
            command = self.cmd_queue.get()
            if command["deviceType"] == "enclosure":
                self.told.append("an enclosure command: ignored")
                continue
            device = self.all_devices[command["deviceType"]][command["deviceInstance"]]
            try:
                device.parse_command(command)
            except Exception as error:
                self.told.append(f"failed: {error}")

    def end(self) -> None:
        """End the loops, and wait for the thread that reads new jobs."""
        self.ended = self.stop_all_activity = True
        self.scan_request_thread.join(30)

    def run(self) -> None:
        while not self.ended:
            self.core_command_and_sequencer_loop()
            time.sleep(self.config["every_s"])


class OlderObservatory(Observatory):
    """An older version: one function reads new jobs, stops, and carries out; requests go without a session."""

    cancel_all_activity = None  # type: ignore[assignment]

    def fetch(self) -> Any:
        return requests.post(self.config["jobs"], json.dumps({"site": self.name}), timeout=20).json()

    def take(self, command: dict[str, Any]) -> None:
        if command["action"] in ("cancel_all_commands", "stop"):
            self.stop_all_activity = True
            with self.cmd_queue.mutex:
                self.cmd_queue.queue.clear()
        else:
            super().take(command)

    def scan_requests(self, cancel_check: bool = False) -> None:
        super().scan_requests(cancel_check)
        if not cancel_check:
            self.carry_out()

    def carry_out(self) -> None:
        self.core_command_and_sequencer_loop()

"""Simulated users: the commands of the web page, at the pace of people who take turns at a telescope."""

import logging
import math
import random
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from prjobs.base import catalogue
from prjobs.base.clock import Clock
from prjobs.client import Client, NotReached, Refused

logger = logging.getLogger(__name__)

TICK_S = 0.5
PRESS_AGAIN_S = 5.0


class Target(NamedTuple):
    """An object of the sky: right ascension in hours, declination in degrees (ICRS)."""

    name: str
    ra_h: float
    dec_deg: float


TARGETS = (
    Target("M31", 0.7123, 41.2690),
    Target("M33", 1.5641, 30.6602),
    Target("M45", 3.7900, 24.1167),
    Target("M42", 5.5881, -5.3911),
    Target("M81", 9.9259, 69.0653),
    Target("M104", 12.6665, -11.6231),
    Target("M51", 13.4980, 47.1952),
    Target("M101", 14.0535, 54.3488),
    Target("M13", 16.6948, 36.4599),
    Target("M57", 18.8931, 33.0291),
    Target("M27", 19.9934, 22.7212),
    Target("NGC 7000", 20.9881, 44.5289),
)
FILTERS = ("lum", "R", "V", "B", "ha")
INSTANCES = {"sequencer": "sequencer", "obs": "obs", "all": ""}
HERE = {"instrument_selector_position": 0, "telescope_selection": 0}


@dataclass(frozen=True, slots=True)
class Command:
    """The command that one press of a button sends."""

    device: str
    action: str
    required: dict[str, Any] = field(default_factory=dict)
    optional: dict[str, Any] = field(default_factory=dict)

    def usual_s(self) -> float:
        return catalogue.usual_seconds(self.device, self.action, self.required, self.optional) or 0.0


@dataclass(frozen=True, slots=True)
class User:
    """A user; the client has the user's token."""

    user_id: str
    user_name: str
    client: Client


class Step(NamedTuple):
    """A command of a session, and the user's wait afterwards."""

    user: User
    command: Command
    pause_s: float


@dataclass(frozen=True, kw_only=True)
class Habits:
    """The habits of simulated users. `pace` divides every pause; enclosure commands go to `enclosure_site`, if any.

    `stop_probability` is that of a session that the user stops half-way.
    """

    pace: float = 1.0
    enclosure_site: str | None = None
    stop_probability: float = 0.1


class Users:
    """The users of one telescope, who take turns: a session each, then time for the telescope to finish."""

    def __init__(
        self,
        users: Sequence[User],
        site: str,
        habits: Habits | None = None,
        chance: random.Random | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._users = list(users)
        self.site = site
        self._habits = habits or Habits()
        self._chance = chance or random.Random()
        self._clock = clock or Clock()
        self._plan: deque[Step] = deque()
        self._sessions = 0
        self._next_s = -math.inf

    def run(self, stop: threading.Event) -> None:
        """Send commands until `stop` is set; a service that is down or refuses does not end the loop."""
        while not stop.is_set():
            try:
                self.step_once(self._clock.elapsed_s())
            except Exception:
                logger.exception("%s: a step of the simulated users failed", self.site)
            stop.wait(TICK_S)

    def step_once(self, now_s: float) -> Command | None:
        """Send the next command when due, and return the command."""
        if not self._users or now_s < self._next_s:
            return None
        if not self._plan:
            self._plan_session()
        step = self._plan[0]
        if not self._send(step):
            self._next_s = now_s + PRESS_AGAIN_S / self._habits.pace
            return None
        self._plan.popleft()
        self._next_s = now_s + step.pause_s / self._habits.pace
        return step.command

    def _plan_session(self) -> None:
        user = self._next_user()
        commands = self._session(user)
        work_s = sum(command.usual_s() for command in commands)
        rest_s = self._chance.uniform(10, 60)
        for command in commands[:-1]:
            self._plan.append(Step(user, command, self._chance.uniform(2, 8)))
        if self._chance.random() < self._habits.stop_probability:
            self._plan.append(Step(user, commands[-1], work_s * self._chance.uniform(0.2, 0.7)))
            self._plan.append(Step(user, a_stop(self._chance), rest_s))
        else:
            self._plan.append(Step(user, commands[-1], work_s + rest_s))
        self._sessions += 1

    def _next_user(self) -> User:
        """Return the next user in turn; a user without the right to command now lets the others pass."""
        turn = self._sessions % len(self._users)
        ordered = self._users[turn:] + self._users[:turn]
        return next(filter(self._may_command, ordered), ordered[0])

    def _may_command(self, user: User) -> bool:
        try:
            answer = user.client.api("GET", "/api/may", query={"site": self.site})
        except (Refused, NotReached):
            return True
        return not isinstance(answer, dict) or answer.get("may", True) is True

    def _session(self, user: User) -> list[Command]:
        if self._sessions == 0:
            return opening(self._habits.enclosure_site is not None) + imaging(self._chance, user)
        kind = self._chance.choices(("image", "focus", "calibrate", "roof"), (75, 10, 10, 5))[0]
        if kind == "roof" and self._habits.enclosure_site is not None:
            return [Command("enclosure", "set_enclosure_mode", {"enclosure_mode": "Automatic"})]
        if kind == "focus":
            return focusing(self._chance)
        return calibrating(self._chance) if kind == "calibrate" else imaging(self._chance, user)

    def _send(self, step: Step) -> bool:
        """Send a command. Return False if the command cannot have arrived: the user presses the button again."""
        command, user = step.command, step.user
        site = self.site
        if command.device == "enclosure" and self._habits.enclosure_site is not None:
            site = self._habits.enclosure_site
        try:
            user.client.new_job(
                site,
                device=command.device,
                instance=INSTANCES.get(command.device, command.device + "1"),
                action=command.action,
                required_params=command.required,
                optional_params=command.optional,
                user_id=user.user_id,
                user_name=user.user_name,
                extra={"mount": "mount1", "timestamp": self._clock.now_ms() // 1000, "user_roles": []},
            )
        except (Refused, NotReached) as error:
            logger.info("%s: %s of %s: %s", site, f"{command.device} {command.action}", user.user_name, error)
            return isinstance(error, Refused) or error.perhaps_done
        return True


def opening(enclosure: bool) -> list[Command]:
    """Return the commands at the beginning of a night."""
    unpark = Command("mount", "unpark")
    return [Command("enclosure", "open"), unpark] if enclosure else [unpark]


def imaging(chance: random.Random, user: User) -> list[Command]:
    """Return the commands to slew to an object, sometimes focus, and expose in a filter or two."""
    target = chance.choice(TARGETS)
    commands = [slew(target)]
    if chance.random() < 0.4:
        commands.append(Command("focuser", "move_relative", {"position": str(chance.randrange(-30, 31, 5))}))
    for name in chance.sample(FILTERS, chance.choice((1, 1, 2))):
        commands.append(Command("filter_wheel", "set_name", {"filter_name": name}))
        commands.append(expose(target, name, chance, user))
    return commands


def slew(target: Target) -> Command:
    """Return a slew as the page sends one: the numbers are texts."""
    required = {"ra": f"{target.ra_h:.4f}", "dec": f"{target.dec_deg:.4f}", "frame": "ICRS"}
    return Command("mount", "go", required, {"object": target.name, "do_centering_routine": True, **HERE})


def expose(target: Target, filter_name: str, chance: random.Random, user: User) -> Command:
    """Return a series of light frames."""
    time_s = chance.choice(("10", "30", "60"))
    required = {"time": time_s, "image_type": "light", "smartstack": True, "substack": False}
    optional = {
        "count": str(chance.randint(1, 6)),
        "bin": '"optimal"',
        "filter": filter_name,
        "area": "Full",
        "dither": "off",
        "extract": "no",
        "object_name": target.name,
        "zoom": "Full",
        "username": user.user_name,
        **HERE,
    }
    return Command("camera", "expose", required, optional)


def focusing(chance: random.Random) -> list[Command]:
    """Return one of the two ways to focus."""
    if chance.random() < 0.5:
        return [Command("sequencer", "autofocus", {"num_focus_pts": 7}, {"filter": "R", "bin": "optimal"})]
    required = {"script": "focusAuto", "target": "near_tycho_star", "bin": 1, "area": "100%"}
    return [Command("sequencer", "run", required, dict(HERE))]


def calibrating(chance: random.Random) -> list[Command]:
    """Return flats from the sky, or a short set of biases and darks."""
    if chance.random() < 0.5:
        flats = {"script": "collectSkyFlats", "numFrames": 5}
        return [Command("mount", "sky_flat_position"), Command("sequencer", "run", flats, dict(HERE))]
    darks = {"numOfBias": 5, "darkTime": 30, "numOfDark": 3, "coldMap": False, "hotMap": False}
    return [Command("sequencer", "run", {"script": "collectBiasesAndDarks", **darks}, dict(HERE))]


def a_stop(chance: random.Random) -> Command:
    """Return a stop, mostly that of the big button."""
    return Command("all", "cancel_all_commands") if chance.random() < 0.7 else Command("camera", "stop")

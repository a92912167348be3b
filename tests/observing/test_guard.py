"""Stops beside commands: no command after a stop, and an abort that no command holds back."""

import contextlib
import threading

import pytest

from prjobs.observatory import Job, Stopped
from prjobs.observing import devices
from prjobs.observing.devices import Guard
from prjobs.observing.faults import DeviceFault
from tests.waiting import wait_for

DOCUMENT = {"ulid": "1", "deviceType": "mount", "deviceInstance": "m", "action": "go"}


class Mount:
    """A device that writes its commands down; a command may block until it is released."""

    name = "Mount"

    def __init__(self) -> None:
        self.done: list[str] = []
        self.released = threading.Event()
        self.released.set()

    def slew(self):
        self.done.append("slew begins")
        self.released.wait(60)
        self.done.append("slew")
        return lambda: False

    def abort(self) -> None:
        self.done.append("abort")


def make_job() -> Job:
    return Job({**DOCUMENT, "required_params": {}, "optional_params": {}})


def stop(job: Job, guard: Guard) -> None:
    """Stop as the program does: the job is marked before the abort."""
    job.stop()
    guard.abort()


def test_no_command_is_given_after_a_stop():
    mount, job = Mount(), make_job()
    guard = Guard(mount)
    stop(job, guard)
    with pytest.raises(Stopped):
        guard.follow(job, mount.slew, 60)
    with pytest.raises(Stopped), guard.taken(job):
        pass
    assert mount.done == ["abort"]


def test_an_abort_does_not_wait_for_a_command_and_comes_again_after_it():
    mount, job = Mount(), make_job()
    guard = Guard(mount)
    mount.released.clear()
    ended: list[BaseException] = []

    def run() -> None:
        try:
            guard.follow(job, mount.slew, 60)
        except Stopped as stopped:
            ended.append(stopped)

    handler = threading.Thread(target=run)
    handler.start()
    wait_for(lambda: mount.done)
    stopping = threading.Thread(target=stop, args=(job, guard))
    stopping.start()
    wait_for(lambda: "abort" in mount.done)
    assert mount.done == ["slew begins", "abort"]
    mount.released.set()
    stopping.join()
    handler.join()
    assert mount.done == ["slew begins", "abort", "slew", "abort"]
    assert len(ended) == 1


def test_a_command_that_hangs_is_said(monkeypatch):
    monkeypatch.setattr(devices, "COMMAND_S", 0.2)
    mount, job = Mount(), make_job()
    guard = Guard(mount)
    mount.released.clear()

    def run() -> None:
        with contextlib.suppress(Stopped):
            guard.follow(job, mount.slew, 60)

    handler = threading.Thread(target=run)
    handler.start()
    wait_for(lambda: mount.done)
    with pytest.raises(DeviceFault, match="command to Mount hangs: watch the device"):
        stop(job, guard)
    mount.released.set()
    handler.join()
    assert mount.done == ["slew begins", "abort", "slew"]


def test_an_abort_that_did_not_arrive_comes_before_the_next_command():
    mount, job = Mount(), make_job()
    guard = Guard(mount)
    reach = mount.abort

    def fail() -> None:
        raise DeviceFault("gone")

    mount.abort = fail
    with pytest.raises(DeviceFault):
        guard.abort()
    with pytest.raises(DeviceFault):
        guard.command(job, mount.slew)
    assert mount.done == []
    mount.abort = reach
    guard.command(job, mount.slew)
    guard.abort_late()
    assert mount.done == ["abort", "slew begins", "slew"]


def test_jobs_on_one_device_wait_for_each_other():
    mount, first, second = Mount(), make_job(), make_job()
    guard = Guard(mount)
    entered = threading.Event()

    def run() -> None:
        with guard.taken(second):
            entered.set()

    with guard.taken(first):
        waiting = threading.Thread(target=run)
        waiting.start()
        assert not entered.wait(0.3)
    waiting.join()
    assert entered.is_set()


def test_a_motion_that_never_ends_fails_its_job():
    mount, job = Mount(), make_job()
    with pytest.raises(DeviceFault, match="has not ended its motion"):
        Guard(mount).follow(job, mount.slew, 0.1)

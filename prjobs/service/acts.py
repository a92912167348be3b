"""The acts on the service, with a sentence for a person about each: install, remove, start, stop, status."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder, default_folder
from prjobs.base.settings import Settings
from prjobs.base.settings_sources import load_settings
from prjobs.base.sockets import bind_sockets
from prjobs.service.installed import Control, Installed, State
from prjobs.service.units import Launch
from prjobs.service.waiting import LogEnd, SlowStart, answering_url, is_served, wait_until_answers

Say = Callable[[str], None]
ACTIVE = (State.RUNNING, State.STARTING)


def install(control: Control, launch: Launch, say: Say) -> None:
    """Install and start the service, and wait for an answer. A failed start leaves the system as before."""
    control.require_right()
    folder, before = Folder(launch.folder), control.installed()
    settings = _require_fit(control, launch, before)
    if before and before.state == State.RUNNING and control.is_same(launch, settings):
        say("The service prjobs is installed already, and nothing has changed.")
        _say_where(_await(control, folder), folder, say)
        return
    url = _replace(control, launch, settings)
    done = "is installed anew" if before else "is installed"
    say(f"The service prjobs {done} and starts with the machine, as {_who(control.installed())}.")
    _say_where(url, folder, say)
    say(f"A browser logs in by the link of `prjobs login{_data(folder)}`.")


def _require_fit(control: Control, launch: Launch, before: Installed | None) -> Settings:
    """Return the settings of the service. Raise Unusable for a launch that cannot work; nothing is changed then."""
    if before:
        _require_folder(before, launch.folder, control)
    if not before or before.state == State.STOPPED:
        _require_unserved(Folder(launch.folder))
    control.check(launch)
    # The variables of this terminal are not those of the service.
    settings, _ = load_settings(launch.folder, environment={})
    if not settings.port:
        raise Unusable("The setting port is 0, any free port: choose one, so that programs find the service.")
    if not before:
        _require_free(settings)
    return settings


def _replace(control: Control, launch: Launch, settings: Settings) -> str:
    """Stop the service from before, if any, install and start the new service; return the URL."""
    before, undoing = control.installed(), []
    is_active = before is not None and before.state != State.STOPPED
    if is_active:
        undoing.append(control.start)
    try:
        if before:
            # The sockets of systemd are stopped too, and free the port.
            control.stop()
            _require_free(settings)
        undoing.insert(0, control.put(launch, settings))
        return _start(control, Folder(launch.folder))
    except SlowStart:
        raise
    except Unusable:
        # The first failure is the failure to tell.
        for act in (control.stop, *undoing):
            with suppress(Unusable):
                act()
        raise


def _data(folder: Folder) -> str:
    return "" if folder.path == default_folder() else f' --data "{folder.path}"'


def _start(control: Control, folder: Folder) -> str:
    log = LogEnd(folder.log)
    control.start()
    return wait_until_answers(control, folder, log)


def start(control: Control, named: Path | None, say: Say) -> None:
    """Start the service, and wait for an answer."""
    control.require_right()
    service, folder = _require_installed(control, named)
    if service.state in ACTIVE:
        say("The service prjobs runs already.")
        _say_where(_await(control, folder), folder, say)
        return
    _require_unserved(folder)
    control.check(Launch([], folder.path, service.account))
    try:
        url = _start(control, folder)
    except SlowStart:
        raise
    except Unusable:
        # A service that fails again and again would hide the reason under its next starts.
        with suppress(Unusable):
            control.stop()
        raise
    say("The service prjobs is started.")
    _say_where(url, folder, say)


def _await(control: Control, folder: Folder) -> str:
    return wait_until_answers(control, folder, LogEnd(folder.log))


def stop(control: Control, named: Path | None, say: Say) -> None:
    """Stop the service, and wait for the end."""
    control.require_right()
    service, folder = _require_installed(control, named)
    if service.state == State.STOPPED:
        _require_unserved(folder, "The service prjobs does not run, but ")
        say("The service prjobs does not run.")
        return
    control.stop()
    say(f"The service prjobs is stopped, and starts again with the machine. The log is {folder.log}.")


def remove(control: Control, named: Path | None, say: Say) -> None:
    """Stop and remove the service; the data folder stays."""
    control.require_right()
    service = control.installed()
    if service is None:
        raise Unusable(_not_installed(control))
    if named:
        _require_folder(service, named, control)
    if service.state != State.STOPPED:
        control.stop()
    control.remove()
    kept = f" The data folder {service.folder} stays as it is." if service.folder else ""
    say(f"The service prjobs is removed.{kept}")


def _not_installed(control: Control) -> str:
    return f"No service is installed: `{control.program} service install{control.behind}` installs one."


def status(control: Control, folder: Folder) -> tuple[Installed | None, str, list[str]]:
    """Return the service, the URL of the answering server, and the sentences for a person."""
    service = control.installed()
    folder = Folder(service.folder) if service and service.folder else folder
    url = answering_url(folder)
    return service, url, [*_about_service(control, service), *_about_server(service, folder, url)]


def _about_service(control: Control, service: Installed | None) -> Iterator[str]:
    if service is None:
        yield _not_installed(control)
        return
    number = f", process {service.pid}" if service.pid else ""
    yield f"The service prjobs {service.state}{number}."
    yield f"Installed: {service.where}. It runs as {_who(service)}."
    yield from service.faults


def _about_server(service: Installed | None, folder: Folder, url: str) -> Iterator[str]:
    yield f"Data folder: {folder.path}"
    if url:
        yield f"Address: {url}/"
    if is_served(folder) and (service is None or service.state == State.STOPPED):
        yield _served_by(folder)
    yield f"Log: {folder.log}"


def _who(service: Installed | None) -> str:
    return service.account if service else "nobody"


def _say_where(url: str, folder: Folder, say: Say) -> None:
    say(f"It answers at {url}/ and serves {folder.path}. The log is {folder.log}.")


def _require_installed(control: Control, named: Path | None) -> tuple[Installed, Folder]:
    service = control.installed()
    if service is None:
        if named and is_served(Folder(named)):
            raise Unusable(f"{_not_installed(control)} {_served_by(Folder(named))}")
        raise Unusable(_not_installed(control))
    if named:
        _require_folder(service, named, control)
    if service.folder is None:
        raise Unusable(f"{_foreign(service, control)}")
    return service, Folder(service.folder)


def _require_folder(service: Installed, path: Path, control: Control) -> None:
    """Raise Unusable if the installed service has a different folder, or is not of prjobs' making."""
    if service.folder is None:
        raise Unusable(_foreign(service, control))
    if service.folder != path:
        raise Unusable(
            f"The installed service serves {service.folder}, not {path}. This machine has one service: "
            f"`{control.program} service remove{control.behind}` removes it, or name its folder by --data."
        )


def _foreign(service: Installed, control: Control) -> str:
    return (
        f"{service.where} was not made by `prjobs service install`: `{control.program} service "
        f"remove{control.behind}` removes it, then install again."
    )


def _require_unserved(folder: Folder, first: str = "") -> None:
    if is_served(folder):
        sentence = _served_by(folder)
        raise Unusable(f"{first}{sentence[0].lower()}{sentence[1:]}" if first else sentence)


def _served_by(folder: Folder) -> str:
    server = folder.server()
    process = f"Process {server['pid']} at {server['url']}" if {"pid", "url"} <= server.keys() else "A process"
    return (
        f"{process} serves {folder.path} and was not started by the service: stop it by Ctrl-C in its window, or on "
        "Windows a task by `schtasks /change /tn prjobs /disable` and `schtasks /end /tn prjobs`."
    )


def _require_free(settings: Settings) -> None:
    try:
        for probe in bind_sockets(settings.host, settings.port):
            probe.close()
    except OSError as error:
        raise Unusable(
            f"{error.filename or settings.host} port {settings.port} cannot be used ({error.strerror}): stop the "
            "program that uses the port, or set another port in prjobs.toml."
        ) from None

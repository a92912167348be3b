"""The program of the Windows service, started by path: `python -P windows_service.py --packages DIR --data DIR`.

The imports wait for the packages and the manager: a failed start leaves the reason in the log.
"""

import argparse
import site
import sys
import traceback
from contextlib import suppress
from pathlib import Path


def main(words: list[str]) -> int:
    """Serve the data folder as the service until the manager asks for the end; return the exit code."""
    parser = argparse.ArgumentParser(prog="windows_service")
    parser.add_argument("--packages", action="append", default=[], metavar="DIR")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    asked = parser.parse_args(words)
    for name in asked.packages:
        site.addsitedir(name)
    try:
        return _serve(asked.data)
    except Exception:
        # Without its packages prjobs cannot write its log in its own way.
        _append(asked.data / "logs" / "prjobs.log", f"prjobs does not serve: {traceback.format_exc()}")
        return 1


def _serve(data: Path) -> int:
    from prjobs.base.errors import Unusable
    from prjobs.service.process import NotStartedByManager, ServiceProcess

    process = ServiceProcess()
    try:
        process.connect()
    except NotStartedByManager as not_started:
        print(not_started, file=sys.stderr)
        return 1
    code = 1
    try:
        from prjobs import server
        from prjobs.base.folder import Folder
        from prjobs.base.settings_sources import load_settings, retired_sentences
        from prjobs.serving.hub import HubServer

        settings, origins = load_settings(data)
        folder = Folder(data)
        warnings = retired_sentences(origins)
        # The first line is the address: from then on the server answers.
        well = server.serve(
            folder, settings, lambda _: process.ready(), warnings=warnings, on_stop=process.on_stop, hub=HubServer
        )
        code = 0 if well else 1
    except Exception as error:
        _tell(data, error, isinstance(error, Unusable))
    process.end(code)
    return code


def _tell(data: Path, error: Exception, is_sentence: bool) -> None:
    from prjobs.base.folder import Folder
    from prjobs.base.logs import NOT_SERVING, log_failure
    from prjobs.service.process import tell_event_log

    log_failure(Folder(data), error)
    told = str(error) if is_sentence else "".join(traceback.format_exception(error))
    with suppress(OSError):
        tell_event_log(f"{NOT_SERVING}{told}")


def _append(log: Path, text: str) -> None:
    line = " ".join(text.split())
    with suppress(OSError):
        log.parent.mkdir(exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`prjobs settings`: the settings in force."""

from prjobs.base.notify_addresses import shown_setting
from prjobs.base.settings import RETIRED
from prjobs.base.settings_sources import load_settings
from prjobs.cli.terminal import Namespace, Parser, add_data, folder_of, print_json


def add_settings(settings: Parser) -> None:
    """Declare `settings`."""
    add_data(settings)
    settings.add_argument("--json", action="store_true", help="one JSON object")
    settings.set_defaults(run=run_settings)


def run_settings(asked: Namespace) -> None:
    """Print every setting with value and source."""
    _, origins = load_settings(folder_of(asked).path)
    shown = {name: shown_setting(name, origin.value) for name, origin in origins.items()}
    if asked.json:
        print_json({name: {"value": shown[name], "source": origin.source} for name, origin in origins.items()})
        return
    for name, origin in origins.items():
        value = (",".join(shown[name]) or "none") if isinstance(shown[name], list) else shown[name]
        print(f"{name:20} {value!s:24} {origin.source}{', without effect' if name in RETIRED else ''}")

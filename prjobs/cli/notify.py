"""`prjobs notify test`."""

import logging
import threading
from collections.abc import Callable, Iterator
from functools import partial

from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.notify_addresses import shown_setting
from prjobs.base.settings import Settings
from prjobs.base.settings_sources import load_settings
from prjobs.cli.terminal import Namespace, Parser, add_actions, add_data, folder_of, print_json

# An address without an answer for so long counts as failed.
PATIENCE_S = 60.0
NOTHING = (
    "No address is set: write `notify` or `heartbeat_url` into prjobs.toml. The page Notify of the manual has the form."
)


def add_notify(parser: Parser) -> None:
    """Declare `notify test`."""
    notify = add_actions(parser)
    testing = add_data(notify.add_parser("test", help="send a test to each address of notify and heartbeat_url"))
    testing.add_argument("--json", action="store_true", help="one JSON object")
    testing.set_defaults(run=run_test)


def run_test(asked: Namespace) -> int:
    """Send a test to each address, print the results, and return 1 after a failure."""
    settings, _ = load_settings(folder_of(asked).path)
    if not settings.notify and not settings.heartbeat_url:
        raise Unusable(NOTHING)
    # Libraries log the addresses, which are secrets: on stderr, where no log is set up.
    logging.getLogger().addHandler(logging.NullHandler())
    results = _send(settings)
    if asked.json:
        print_json([{"address": name, "sent": not reason, "reason": reason} for name, reason in results])
    else:
        for name, reason in results:
            print(f"{name}: {f'failed: {reason}' if reason else 'sent'}")
    return 1 if any(reason for _, reason in results) else 0


def _send(settings: Settings) -> list[tuple[str, str]]:
    """Return the name of each address, and the reason of a failure or an empty text."""
    from prjobs.notify.delivery import HANGING

    works = list(_works(settings))
    reasons = [HANGING] * len(works)

    def work(number: int) -> None:
        reasons[number] = works[number][1]()

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(works))]
    clock = Clock()
    end_s = clock.elapsed_s() + PATIENCE_S
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end_s - clock.elapsed_s()))
    return [(name, reason) for (name, _), reason in zip(works, reasons, strict=True)]


def _works(settings: Settings) -> Iterator[tuple[str, Callable[[], str]]]:
    from prjobs.notify import heartbeat
    from prjobs.notify.news import TEST

    if settings.notify:
        from prjobs.notify.sending import recipients

        for one in recipients(settings):
            yield str(one.address), partial(one.send, TEST)
    if settings.heartbeat_url:
        name = f"heartbeat {shown_setting('heartbeat_url', settings.heartbeat_url)}"
        yield name, partial(heartbeat.failure, settings)

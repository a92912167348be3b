"""A scrape of the metrics, read by the parser of prometheus-client."""

from collections.abc import Callable
from typing import Any

import requests
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from prjobs.server import Server
from prjobs.upkeep.backup import Nightly
from tests.clocks import ClockAhead
from tests.verbs import report, submit, take

OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}


def scrape(url: str, **headers: str) -> dict[str, Metric]:
    """Return the families by name."""
    answer = requests.get(f"{url}/metrics", headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    is_open = answer.headers["Content-Type"].startswith("application/openmetrics-text")
    return {family.name: family for family in (parse_openmetrics if is_open else parse_text)(answer.text)}


def values(found: dict[str, Metric]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return the value of each series, by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in found.values()
        for sample in family.samples
    }


def value(found: dict[str, Metric], series: str, **labels: Any) -> float:
    """Return the sum of the series of this name with these labels; 0 without one."""
    return sum(
        number
        for (name, given), number in values(found).items()
        if name == series and labels.items() <= dict(given).items()
    )


def be_busy(make_server: Callable[..., Server]) -> Server:
    """Return a server that has something to say in each metric."""
    server = make_server(ClockAhead(), cloud_mode="primary", cloud_sites=["saf"], cloud_base_url="http://127.0.0.1:9")
    queue = server.appliance.queue
    for _ in range(3):
        work(server)
    server.appliance.cloud.memory.answered(queue.clock.now_ms(), 0)
    assert Nightly(queue, server.folder).make_once()
    return server


def work(server: Server) -> None:
    """Send a job, poll for it, report its end; and ask for nothing."""
    job = submit(server.appliance, device="camera", action="expose")
    for alternate in (False, True):
        take(server.appliance, alternate=alternate)
    report(server.appliance, job, "COMPLETE")
    requests.post(f"{server.url}/getnewjobs", data='{"site": "saf"}', timeout=60)
    requests.get(f"{server.url}/nothing", timeout=60)

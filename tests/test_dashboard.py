"""The manual's dashboard for Grafana, alert rules and configuration of Prometheus, checked by Prometheus itself."""

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from prjobs.server import Server
from prjobs.web.metric import HISTOGRAM
from prjobs.web.metrics import DASHBOARD, METRICS
from prjobs.web.metrics_of_hub import HUB_METRICS
from tests.readme import MANUAL, blocks
from tests.scraping import be_busy, work
from tests.verbs import make_token
from tests.waiting import wait_for

BOARD = json.loads((MANUAL / DASHBOARD).read_text(encoding="utf-8"))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
RULES = next(block for block in blocks((MANUAL / "metrics.md").read_text("utf-8"), "yaml") if "alert:" in block)
CONFIGURATIONS = [
    block for block in blocks((MANUAL / "metrics.md").read_text("utf-8"), "yaml") if "scrape_configs:" in block
]
LABELS = {metric.name: {*metric.labels, "instance", "job"} for metric in METRICS + HUB_METRICS}
needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not installed: the Debian package prometheus has it"
)
needs_prometheus = pytest.mark.skipif(
    not shutil.which("prometheus"), reason="Prometheus is not installed: the Debian package prometheus has it"
)


def filled(query: str) -> str:
    """Return a query with the variables of the dashboard, as Grafana fills them for all servers and sites."""
    return query.replace("$instance", ".*").replace("$site", ".*").replace("$__rate_interval", "1m")


def of_histogram(name: str) -> str:
    """Return the name of the metric of a series."""
    found = re.sub(r"_(bucket|sum|count)$", "", name)
    return found if any(metric.name == found and metric.kind == HISTOGRAM for metric in METRICS + HUB_METRICS) else name


# ---- the file


def test_it_is_served(server: Server) -> None:
    answer = requests.get(f"{server.url}/manual/{DASHBOARD}", timeout=60)
    assert answer.headers["Content-Type"] == "application/json"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.json() == BOARD
    page = requests.get(f"{server.url}/manual/metrics", timeout=60).text
    assert f'href="{DASHBOARD}"' in page


def test_every_panel_is_whole() -> None:
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert sorted(set(ids)) == sorted(ids)
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert panel["title"] and not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
    for panel in PANELS:
        assert panel["targets"] and panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}


def test_it_names_no_server_and_asks_for_the_data_source() -> None:
    assert [variable["name"] for variable in BOARD["templating"]["list"]] == ["datasource", "instance", "site"]
    assert BOARD["id"] is None and BOARD["uid"] == "prjobs"
    assert "127.0.0.1" not in json.dumps(BOARD) and "localhost" not in json.dumps(BOARD)


@pytest.mark.parametrize("query", [*QUERIES, *re.findall(r"(?:expr:| or) (.*?)(?= or |$)", RULES, re.M)])
def test_every_query_asks_for_metrics_and_labels_that_are_there(query: str) -> None:
    names = {of_histogram(name) for name in re.findall(r"\b(?:prjobs|process)_\w+", query)}
    labels = set(re.findall(r"(\w+)(?:=~|!~|!=|=)\"", query))
    grouped = re.findall(r"by \(([^)]*)\)", query)
    labels |= {label.strip() for group in grouped for label in group.split(",")} - {"le"}
    ours = {name for name in names if name.startswith("prjobs_")}
    assert ours <= LABELS.keys()
    for name in ours:
        assert labels <= LABELS[name], name


def test_every_metric_is_drawn() -> None:
    drawn = {of_histogram(name) for query in QUERIES for name in re.findall(r"\bprjobs_\w+", query)}
    assert drawn == {metric.name for metric in METRICS + HUB_METRICS}


# ---- by promtool


@pytest.fixture
def busy(make_server: Callable[..., Server]) -> Server:
    return be_busy(make_server)


def promtool(*arguments: str, cwd: Path | None = None, text: str | None = None) -> str:
    done = subprocess.run(
        ["promtool", *arguments], cwd=cwd, input=text, capture_output=True, text=True, check=False, timeout=120
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return output


@needs_promtool
def test_promtool_finds_nothing_against_the_metrics(busy: Server) -> None:
    text = requests.get(f"{busy.url}/metrics", timeout=60).text
    assert promtool("check", "metrics", text=text) == ""


@needs_promtool
def test_promtool_reads_every_query_of_the_dashboard(tmp_path: Path) -> None:
    rules = [{"record": f"query:{number}", "expr": filled(query)} for number, query in enumerate(QUERIES)]
    # JSON is YAML too.
    (tmp_path / "queries.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(QUERIES)} rules found" in promtool("check", "rules", "queries.yml", cwd=tmp_path)


@needs_promtool
def test_promtool_takes_the_configurations_of_the_manual(tmp_path: Path) -> None:
    (tmp_path / "prjobs-alerts.yml").write_text(RULES)
    (tmp_path / "prjobs-token").write_text("token")
    assert len(CONFIGURATIONS) == 2
    for number, text in enumerate(CONFIGURATIONS):
        (tmp_path / f"{number}.yml").write_text(text)
        assert "SUCCESS" in promtool("check", "config", f"{number}.yml", cwd=tmp_path)
    assert f"{RULES.count('alert:')} rules found" in promtool("check", "rules", "prjobs-alerts.yml", cwd=tmp_path)


# (series, values a minute apart, the minute of the look, the alert with labels and the summary's first words)
ALERTS = [
    ('up{job="prjobs", instance="a"}', "1 0x10", "4m", "PrjobsDown", "prjobs at a does not answer"),
    ('prjobs_healthy{instance="a"}', "0x10", "2m", "PrjobsProblem", "prjobs at a has a problem"),
    (
        'prjobs_alarms_unacknowledged{instance="a", kind="stop"}',
        "1x10",
        "2m",
        "PrjobsAlarm",
        "An alarm (stop) waits for an acknowledgement",
    ),
    ('prjobs_site_silent{instance="a", site="saf"}', "1x20", "6m", "PrjobsSiteSilent", "The program of saf does not"),
    ('prjobs_backup_age_seconds{instance="a"}', "200000x5", "1m", "PrjobsBackupOld", "The newest backup at a is older"),
    ('prjobs_cloud_unsent_age_seconds{instance="a"}', "1000x20", "11m", "PrjobsCloudBehind", "The link from a to the"),
    (
        'prjobs_requests_total{instance="a", endpoint="/newjob", method="POST", status="500"}',
        "1+1x20",
        "5m",
        "PrjobsInternalErrors",
        "prjobs answered 500 at /newjob",
    ),
]


@needs_promtool
@pytest.mark.parametrize(("series", "numbers", "at", "name", "summary"), ALERTS, ids=[row[3] for row in ALERTS])
def test_an_alert_goes_off(tmp_path: Path, series: str, numbers: str, at: str, name: str, summary: str) -> None:
    (tmp_path / "rules.yml").write_text(RULES)
    said = re.search(rf"alert: {name}\n(?:.*\n)*?\s+summary: (.*)", RULES)
    assert said
    labels = dict(re.findall(r'(\w+)="([^"]*)"', series))
    words = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda match: labels[match[1]], said[1])
    assert words.startswith(summary)
    dropped = {"method", "status"} if name == "PrjobsInternalErrors" else set()
    alert = {
        "exp_labels": {label: given for label, given in labels.items() if label not in dropped},
        "exp_annotations": {"summary": words},
    }
    case = {
        "interval": "1m",
        "input_series": [{"series": series, "values": numbers}],
        "alert_rule_test": [{"eval_time": at, "alertname": name, "exp_alerts": [alert]}],
    }
    text = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [case]}
    (tmp_path / "test.yml").write_text(json.dumps(text))
    assert "SUCCESS" in promtool("test", "rules", "test.yml", cwd=tmp_path)


# ---- by Prometheus itself


class Prometheus:
    """A Prometheus of its own, on a free port."""

    def __init__(self, folder: Path, configuration: str) -> None:
        (folder / "prometheus.yml").write_text(configuration)
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        self.url = f"http://{address}"
        flags = ["--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", f"--web.listen-address={address}"]
        with (folder / "prometheus.log").open("w") as log:
            self.process = subprocess.Popen(["prometheus", *flags], cwd=folder, stdout=log, stderr=log)

    def ask(self, path: str, **query: str) -> dict[str, Any]:
        """Return the data of an answer."""
        answer = requests.get(f"{self.url}/api/v1/{path}", params=query, timeout=60).json()
        assert answer["status"] == "success", answer
        return dict(answer["data"])

    def is_up(self) -> bool:
        """Return True once a scrape has succeeded."""
        try:
            return bool([one for one in self.ask("targets")["activeTargets"] if one["health"] == "up"])
        except requests.RequestException:
            # Not ready yet.
            return False

    def close(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture
def prometheus(busy: Server, tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the server each second by the manual's configuration, with a viewer's token."""
    folder = tmp_path / "prometheus"
    folder.mkdir()
    (folder / "prjobs-alerts.yml").write_text(RULES)
    (folder / "prjobs-token").write_text(make_token(busy.appliance, "prometheus", "viewer"))
    here = busy.url.removeprefix("http://")
    text = CONFIGURATIONS[0].replace("127.0.0.1:8642", here).replace("scrape_interval: 15s", "scrape_interval: 1s")
    text = text.replace(
        "    static_configs", "    authorization:\n      credentials_file: prjobs-token\n    static_configs"
    )
    assert here in text and "1s" in text
    started = Prometheus(folder, text)
    yield started
    started.close()


@needs_prometheus
@pytest.mark.long
def test_a_prometheus_answers_every_query_with_data(busy: Server, prometheus: Prometheus) -> None:
    wait_for(prometheus.is_up)
    # Rates and increases need counts that grow between two scrapes.
    wait_for(lambda: _grows(busy, prometheus))
    for query in QUERIES:
        data = prometheus.ask("query", query=filled(query))
        # One appliance is no hub: those panels stay empty.
        assert bool(data["result"]) == ("prjobs_hub_" not in query), query
    rules = prometheus.ask("rules")["groups"][0]["rules"]
    assert len(rules) == RULES.count("alert:")
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}
    for rule in rules:
        prometheus.ask("query", query=rule["query"])
    for variable in BOARD["templating"]["list"][1:]:
        metric, label = re.findall(r"label_values\((\w+), (\w+)\)", variable["definition"])[0]
        assert prometheus.ask("query", query=f"count by ({label}) ({metric})")["result"]


def _grows(server: Server, prometheus: Prometheus) -> bool:
    work(server)
    query = "increase(prjobs_job_waiting_seconds_count[1m]) > 3 and increase(prjobs_job_waiting_seconds_count[1h]) > 3"
    return bool(prometheus.ask("query", query=query)["result"])

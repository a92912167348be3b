"""The metrics for Prometheus at /metrics, and the dashboard for Grafana that shows them."""

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from bottle import request

from prjobs.access.identity import Identity
from prjobs.appliance import Appliance
from prjobs.base.errors import TookTooLong, Unavailable
from prjobs.base.histogram import Histogram
from prjobs.monitor import measuring
from prjobs.web import caller, connection
from prjobs.web import metrics_sources as sources
from prjobs.web.endpoint import JSON, Answer, Needs, Route, reply
from prjobs.web.metric import COUNTER, GAUGE, HISTOGRAM, INFO, Metric, Sample, Samples
from prjobs.web.metrics_of_hub import HUB_METRICS
from prjobs.web.metrics_sources import Look
from prjobs.web.pages import static_folder

if TYPE_CHECKING:
    from prometheus_client.core import Metric as Family

TEXT = "text/plain; version=0.0.4; charset=utf-8"
DASHBOARD = "grafana-dashboard.json"
_TOTAL, _INFO = "_total", "_info"


METRICS = [
    Metric(
        "prjobs_build_info",
        INFO,
        ("version", "python", "sqlite", "schema"),
        "The versions of prjobs, Python, SQLite and the store's schema; on a hub sqlite is empty. Always 1.",
        sources.build,
    ),
    Metric("prjobs_healthy", GAUGE, (), "1 while GET /healthz reports no problem, else 0.", sources.healthy),
    Metric(
        "prjobs_requests_total",
        COUNTER,
        ("method", "endpoint", "status"),
        "Answered HTTP requests since the start. The endpoint is a route, such as /newjob for all paths of newjob; "
        "other stands for requests without a route.",
        sources.requests,
    ),
    Metric("prjobs_held_polls", GAUGE, (), "Polls with wait that are held at present.", sources.held_polls),
    Metric(
        "prjobs_polls_total",
        COUNTER,
        ("site", "queue"),
        "Polls for jobs since the start; in the queue link the readings of the recent jobs by a linked appliance.",
        sources.polls,
    ),
    Metric(
        "prjobs_poll_age_seconds",
        GAUGE,
        ("site", "queue"),
        "Seconds since the last poll.",
        sources.poll_age,
    ),
    Metric(
        "prjobs_poll_gap_seconds",
        GAUGE,
        ("site", "queue"),
        "The usual gap between two polls: the median of the last 20 gaps.",
        sources.poll_gap,
    ),
    Metric(
        "prjobs_poll_longest_gap_seconds",
        GAUGE,
        ("site", "queue"),
        "The longest of the last 20 gaps between two polls.",
        sources.longest_gap,
    ),
    Metric(
        "prjobs_site_silent",
        GAUGE,
        ("site",),
        "1 while the site counts as silent, else 0.",
        sources.silent,
    ),
    Metric(
        "prjobs_site_locked_out",
        GAUGE,
        ("site",),
        "1 while a person has locked the site out, else 0.",
        sources.locked_out,
    ),
    Metric(
        "prjobs_jobs",
        GAUGE,
        ("site", "class", "phase"),
        "Jobs sent in the last 24 hours, by their present phase; at most the newest 50,000. "
        "With thousands of jobs the count may be a minute old.",
        sources.jobs,
    ),
    Metric(
        "prjobs_job_changes_total",
        COUNTER,
        ("site", "class", "phase"),
        "Changes of a job's status since the start, by the phase of the new status. Each report of progress counts.",
        sources.job_changes,
    ),
    Metric(
        "prjobs_job_waiting_seconds",
        HISTOGRAM,
        ("class",),
        "Seconds between the sending of a job and its pick-up by a program.",
        sources.waited,
    ),
    Metric(
        "prjobs_handouts",
        GAUGE,
        ("state",),
        "Hand-outs of the last 24 hours, by their present state; at most the newest 20,000. "
        "A hand-out is an answer that gave jobs to a program.",
        sources.handouts,
    ),
    Metric("prjobs_handouts_made_total", COUNTER, (), "Hand-outs since the start.", sources.handouts_made),
    Metric("prjobs_alarms", GAUGE, ("kind",), "Alarms that are raised at present.", sources.alarms),
    Metric(
        "prjobs_alarms_unacknowledged",
        GAUGE,
        ("kind",),
        "Alarms that are raised and that nobody has acknowledged.",
        sources.unseen_alarms,
    ),
    Metric(
        "prjobs_commit_seconds",
        HISTOGRAM,
        (),
        "Seconds that the disk took for a commit; on a hub also the way to the database, and the statements that were "
        "sent with the commit. A commit stores all writes that waited together.",
        sources.commits,
    ),
    Metric("prjobs_store_bytes", GAUGE, (), "Size of the store's file.", sources.store_bytes),
    Metric("prjobs_store_log_bytes", GAUGE, (), "Size of the store's write-ahead log.", sources.log_bytes),
    Metric("prjobs_disk_free_bytes", GAUGE, (), "Free bytes on the disk of the data folder.", sources.free_bytes),
    Metric(
        "prjobs_disk_needed_bytes",
        GAUGE,
        (),
        "Free bytes below which prjobs takes no new jobs: the setting min_free_mb.",
        sources.needed_bytes,
    ),
    Metric(
        "prjobs_backup_age_seconds",
        GAUGE,
        (),
        "Age of the newest file in the folder of backups. Absent before the first backup.",
        sources.backup_age,
    ),
    Metric(
        "prjobs_cloud_state",
        GAUGE,
        ("state",),
        "1 for the present state of the link to the cloud, 0 for each other state. Absent while the link is off, "
        "as are the other metrics of the link.",
        sources.link_state,
    ),
    Metric("prjobs_cloud_unsent_statuses", GAUGE, (), "Statuses that wait on their way to the cloud.", sources.unsent),
    Metric(
        "prjobs_cloud_unsent_age_seconds",
        GAUGE,
        (),
        "Age of the oldest job with a status on its way to the cloud; 0 without one.",
        sources.unsent_age,
    ),
    Metric("prjobs_cloud_parked_statuses", GAUGE, (), "Statuses that the cloud refused for good.", sources.parked),
    Metric(
        "prjobs_cloud_answer_age_seconds",
        GAUGE,
        (),
        "Seconds since the last usable answer of the cloud. Absent before the first answer.",
        sources.answer_age,
    ),
]


class Collector:
    """The metrics at a look as families of prometheus-client. Families of a store in trouble have no samples."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def collect(self) -> Iterator["Family"]:
        """Yield the family of each metric."""
        for metric in METRICS:
            yield self._family(metric, self._look)
        if self._look.queue.settings.store_url:
            for metric in HUB_METRICS:
                yield self._family(metric, self._look.queue.database)

    def _family(self, metric: Metric, source: object) -> "Family":
        samples: list[Sample] = []
        with suppress(Unavailable, TookTooLong, OSError):
            samples.extend(metric.source(source))
        return _family(metric, self._reached(metric, samples))

    def _reached(self, metric: Metric, samples: Samples) -> Samples:
        if "site" not in metric.labels:
            return samples
        at = metric.labels.index("site")
        return [sample for sample in samples if self._look.reaches(sample[0][at])]


def _family(metric: Metric, samples: Samples) -> "Family":
    from prometheus_client import core

    if metric.kind == HISTOGRAM:
        times = core.HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, value in samples:
            if isinstance(value, Histogram):
                buckets = [(_bound(bound), count) for bound, count in value.buckets()]
                times.add_metric(labels, buckets, value.sum)
        return times
    if metric.kind == INFO:
        info = core.InfoMetricFamily(metric.name.removesuffix(_INFO), metric.help)
        for labels, _ in samples:
            info.add_metric((), dict(zip(metric.labels, labels, strict=True)))
        return info
    kind = core.CounterMetricFamily if metric.kind == COUNTER else core.GaugeMetricFamily
    family = kind(metric.name.removesuffix(_TOTAL), metric.help, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, float(value))  # type: ignore[arg-type]
    return family


def _bound(bound: float) -> str:
    return "+Inf" if bound == float("inf") else str(float(bound))


def get_metrics(appliance: Appliance) -> Answer:
    """Return the metrics for Prometheus, as text or as OpenMetrics."""
    # Imported with the first look: a server that nobody scrapes saves twelve megabytes.
    from prometheus_client import CollectorRegistry, ProcessCollector
    from prometheus_client.exposition import choose_encoder

    identity = _require_reader(appliance)
    look = Look(appliance, identity.reaches if identity else lambda _site: True)
    registry = CollectorRegistry()
    registry.register(Collector(look))
    ProcessCollector(registry=registry)
    encode, content_type = choose_encoder(request.environ.get("HTTP_ACCEPT", ""))
    with look.measures.lock:
        measuring.follow_polls(look.measures, look.queue.polls)
        with suppress(Unavailable, TookTooLong):
            measuring.follow_log(look.measures, look.queue)
        return reply(encode(registry), content_type)


def _require_reader(appliance: Appliance) -> Identity | None:
    """Return the identity of the caller; None on this machine, unless the settings ask programs there for a token."""
    desk = appliance.desk
    if connection.is_local() and desk.settings.observatory_access != "token":
        return caller.identity_if_good(desk)
    return caller.require_identity(desk)


def get_dashboard(_appliance: Appliance) -> Answer:
    """Return a dashboard of the metrics, to import into Grafana."""
    dashboard = (static_folder() / "manual" / DASHBOARD).read_bytes()
    return reply(dashboard, JSON, Content_Disposition=f'attachment; filename="prjobs-{DASHBOARD}"')


ROUTES = [
    Route("GET", "/metrics", get_metrics, Needs.SCRAPER, (TEXT, "application/openmetrics-text")),
    Route(
        "GET", f"/manual/{DASHBOARD}", get_dashboard, Needs.NOTHING, dict[str, Any], headers=("Content-Disposition",)
    ),
]

"""A metric as the manual and Prometheus have it: the kinds, the labels, the samples."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from prjobs.base.histogram import Histogram

COUNTER, GAUGE, HISTOGRAM, INFO = "counter", "gauge", "histogram", "info"
Sample = tuple[tuple[str, ...], float | Histogram]
Samples = Iterable[Sample]


class Metric(NamedTuple):
    """A metric. The manual has the name, the kind, the labels and the help; `source` returns the samples at a look,
    from a `Look`, or from the store for a metric of a hub."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str
    source: Callable[[Any], Samples]

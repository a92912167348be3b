"""The counting of a night's jobs, stops and silences."""

import re
from collections.abc import Iterable, Sequence

from prjobs.jobs.states import EXPIRED, word_of
from prjobs.night.shapes import NightJob, Stops
from prjobs.night.silence import Silence
from prjobs.night.sums import ENDS, Summing, wait_step

REASON_CHARS = 100
NO_REASON = "no reason given"
_LONG_WORD = re.compile(r"\b(?=\w*\d)\w{12,}\b")
_NUMBER = re.compile(r"[-+]?\d+(?:[.,:]\d+)*")


class Counting(Summing):
    """The adding up of one night, job by job."""

    def add_jobs(self, jobs: Iterable[NightJob]) -> None:
        """Add jobs of a night."""
        for job in jobs:
            self._sums.jobs += 1
            self._classes[job.command_class] += 1
            self._ends[_end_of(job)] += 1
            if job.waited_s is not None:
                self._waits[wait_step(job.waited_s)] += 1
            if job.phase == "failed":
                self.fail(job.device, reason_of(job.status, job.note), 1)
            self.use(job.user_id, job.user_name, 1, job.duration_s or 0.0)

    def add_rest(self, stops: Stops, silences: Sequence[Silence]) -> None:
        """Add the stops and silences of a night."""
        self._sums.stops += stops.total
        self._sums.late_stops += stops.late
        self._sums.silences += len(silences)
        self._sums.silent_s += sum(one.until_ms - one.since_ms for one in silences) / 1000


def _end_of(job: NightJob) -> str:
    if job.phase == "gone":
        return "expired" if word_of(job.status) == EXPIRED else "cancelled"
    return job.phase if job.phase in ENDS else "open"


def reason_of(status: str, note: str) -> str:
    """Return the reason of a failure in the form that equal failures share: numbers, ids and files are `#`.

    The reason is the note of the report, else the rest of a status such as `FAILED: guide star lost`.
    """
    text = note or status[len(word_of(status)) :]
    text = _NUMBER.sub("#", _LONG_WORD.sub("#", text.casefold()))
    words = " ".join(text.split()).strip(" :;,.-")
    if len(words) > REASON_CHARS:
        words = words[: REASON_CHARS - 1] + "…"
    return words or NO_REASON

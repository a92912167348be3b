"""One site of the link: what is due of it besides its statuses."""

from typing import TYPE_CHECKING

from prjobs.base.notices import Code
from prjobs.cloud import forwarding, older, store, wire
from prjobs.cloud.answers import Failure, Overflow, require_usable
from prjobs.cloud.judging import Judgement
from prjobs.cloud.reading import Reading
from prjobs.cloud.sweep import Walk

if TYPE_CHECKING:
    from prjobs.cloud.link import Link


# The list of recent jobs may be a moment behind the queue that rang.
SWEEPS_A_RING = 2


class SiteLink:
    """Its reading, the looks that are under way, and the jobs whose marker is looked for."""

    def __init__(self, link: "Link", site: str) -> None:
        self._link = link
        self.site = site
        self.reading = Reading(link, site, self._heard)
        self._judgement: Judgement | None = None
        self._judge_backoff = link.look_backoff()
        self._forwarded_s: dict[str, float] = {}
        self._judge_s = link.context.queue.clock.elapsed_s() + link.timings.cancel_after_s
        self._older: older.Look | None = None
        self._bell_s, self._rung = 0.0, 0

    def step(self) -> None:
        """What is due of this site. Failure when it concerns the whole link."""
        now_s = self._link.context.queue.clock.elapsed_s()
        self._listen(now_s)
        self.reading.step(now_s)
        self._look_for_markers(now_s)
        if not self.reading.fails:
            # Long looks are for a cloud that answers the short ones.
            self._judge(now_s)
            self._look_for_older(now_s)

    def _heard(self) -> None:
        """A page brought something new: a cancel_all may have come with more of the cloud's answers to come."""
        link = self._link
        if store.cancel_of(link.context.queue.database, self.site):
            self._judge_s = max(self._judge_s, link.context.queue.clock.elapsed_s() + link.timings.cancel_after_s)

    def _look_for_markers(self, now_s: float) -> None:
        """What was forwarded without an answer, and did not appear in a complete sweep long after: runs here."""
        undecided = forwarding.undecided(self._link.context, self.site)
        self._forwarded_s = {row.ulid: self._forwarded_s.get(row.ulid, now_s) for row in undecided}
        for row in undecided:
            if self.reading.complete_s - self._forwarded_s[row.ulid] >= self._link.timings.marker_s:
                forwarding.give_back(self._link.context, row)

    # ---- the bell

    def _listen(self, now_s: float) -> None:
        """Whether the alternate queue rings. Nothing depends on it: without it the next sweep sees what is new."""
        link = self._link
        if link.context.queue.settings.cloud_bell == "off" or not link.is_primary or now_s < self._bell_s:
            return
        try:
            answer = link.network.call("getnewjobs", wire.bell_body(self.site), link.token())
            require_usable(answer)
        except Failure:
            self._bell_s = now_s + link.timings.bell_after_failure_s
            return
        self._bell_s = now_s + link.timings.bell_every_s
        if answer.body.strip() != b"[]":
            self._rung = SWEEPS_A_RING
        if self._rung:
            self._rung -= 1
            self.reading.at_once(now_s)

    # ---- judging a cancel_all

    def _judge(self, now_s: float) -> None:
        link = self._link
        cancel_ulid = store.cancel_of(link.context.queue.database, self.site)
        if cancel_ulid is None or now_s < self._judge_s or not link.time.is_known:
            return
        if self._judgement is None:
            self._judgement = Judgement(link.context, self.site, cancel_ulid, link.time.now_ms(), self._walk)
        try:
            # A failed step is repeated; what was read before it stays valid.
            done = self._judgement.step()
        except Failure as failure:
            self._not_judged(now_s, failure)
            return
        self._judge_backoff.worked()
        self._judge_s = now_s if done else now_s + link.timings.walk_pause_s
        if done:
            link.context.queue.notices.end(Code.CLOUD_JUDGING, self.site)
            decided, self._judgement = self._judgement.decide(link.is_primary), None
            for word, count in decided.items():
                link.count(word, count)

    def _not_judged(self, now_s: float, failure: Failure) -> None:
        """What is held stays held, which is what the user asked for."""
        link = self._link
        self._judge_backoff.failed(failure)
        sentence = f"{self.site}: after a cancel_all jobs are held. {failure}"
        link.context.queue.notices.say(Code.CLOUD_JUDGING, sentence, self.site)
        self._judge_s = now_s + max(self._judge_backoff.wait_s, link.pause_s(failure))
        if isinstance(failure, Overflow):
            self._judgement = None

    def _walk(self, start_ms: int) -> Walk:
        return Walk(self.reading.reader, self._link.time, self._link.timings, start_ms)

    # ---- what a person asks for of the time before the first look

    def _look_for_older(self, now_s: float) -> None:
        """A page of it."""
        link = self._link
        asked = link.context.contact.older
        if asked is None or asked.is_done(self.site) or not link.time.is_known:
            return
        if self._older is None or self._older.asked is not asked:
            self._older = older.Look(link.context, asked, self.site, self._walk(asked.since_ms), link.rules)
        self._older.step(now_s, link.timings.walk_pause_s, link.time)

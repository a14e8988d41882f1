"""A pod that a worker waits for: what becomes of it, and what it prints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from airflow_mlkit.airflow.pod_log import PodLog, read_pod_log
from airflow_mlkit.airflow.step_pod import StepPods
from airflow_mlkit.airflow.step_task import Asking
from airflow_mlkit.exceptions import RunDirectoryError
from airflow_mlkit.pods.ending import conclude
from airflow_mlkit.pods.kept_log import join_logs
from airflow_mlkit.pods.next_pod import AGAIN
from airflow_mlkit.pods.telling import record_pod
from airflow_mlkit.pods.verdict import Cause, Verdict
from airflow_mlkit.pods.watch import PodWatch
from airflow_mlkit.rundir import PodRecord, StepRecord, store_errors

POLL_SECONDS = 0.5
LATER_SECONDS = 2.0
"""How often a pod is looked at: in its first half minute, in which most steps are over, and later."""

HOLES = "... this log has holes; here is all that the node and the run directory have of it ..."


class FollowedPod:
    """A step's pod, followed until nothing more becomes of it or its step has published a result.

    Args:
        pods: the step's pods, with the way to the cluster.
        name: which of them.
        asking: where the step writes.
        watch: what was seen of it.
        say: called with each line that it prints.
    """

    def __init__(self, pods: StepPods, name: str, asking: Asking, watch: PodWatch, say: Callable[[str], None]) -> None:
        self.name, self._pods, self._asking, self._watch, self._say = name, pods, asking, watch, say
        self._published: StepRecord | None = None

    def stay(self, *, is_found: bool = False) -> Verdict:
        """Wait to the end, and show the log as it comes.

        Args:
            is_found: another worker has waited for it before; the beginning of its log may have been rotated away.
        """
        log = PodLog(self._pods.client, self._pods.namespace, self.name, self._say)
        verdict = self.wait()
        is_whole = log.finish(_log_seconds(verdict), last=_last_line(self.find_outcome()))
        if not is_whole or (is_found and not self._has_beginning(log.beginning)):
            self._say(HOLES)
            self.show_log(verdict)
        return verdict

    def _has_beginning(self, lines: Sequence[str]) -> bool:
        """Whether that is how the log began, as far as the run directory knows."""
        kept = self._join([])
        return not kept or kept[0] in lines

    def wait(self, seconds: float = math.inf) -> Verdict:
        """Look at it until it is over, or for some seconds; not for a node that is not there."""
        started = time.monotonic()
        while True:
            now, waited = datetime.now(UTC), time.monotonic() - started
            verdict = self._look(now)
            is_late = waited > seconds or verdict.cause is Cause.NO_NODE
            if self.is_over(verdict, now) or (seconds < math.inf and is_late):
                return verdict
            time.sleep(POLL_SECONDS if waited < 30.0 else LATER_SECONDS)

    def is_over(self, verdict: Verdict, now: datetime) -> bool:
        """Whether nothing more becomes of it, or it has waited too long for a node."""
        return self._watch.is_over(verdict, now)

    def show_log(self, verdict: Verdict) -> None:
        """Show the whole log of a pod that has ended."""
        printed = read_pod_log(self._pods.client, self._pods.namespace, self.name, _log_seconds(verdict))
        for line in self._join(printed):
            self._say(line)

    def _join(self, printed: Sequence[str]) -> Sequence[str]:
        """With what the run directory has of it; a log that cannot be had is no failure of its step."""
        away: tuple[type[Exception], ...] = (RunDirectoryError, *store_errors())
        try:
            return [*join_logs(self._asking.directory.find_log(self._asking.generation, self.name), printed)]
        except away as error:
            return [f"... what the run directory has of this log cannot be read: {error} ...", *printed]

    def judge(self, verdict: Verdict) -> tuple[Verdict, PodRecord, StepRecord | None]:
        """What became of it in the light of what its step wrote; that for the run directory, and the outcome itself."""
        outcome = self.find_outcome()
        concluded = conclude(verdict, outcome)
        return concluded, record_pod(self.name, self._watch.pod, concluded, outcome), outcome

    def find_outcome(self) -> StepRecord | None:
        """What the step in this pod wrote; None where it could not, or has not yet."""
        published = self._find_published()
        if published:
            return published
        return next((record for record in reversed(self._asking.tries()) if record.pod == self.name), None)

    def _look(self, now: datetime) -> Verdict:
        """A result that is published counts, whatever becomes of the pod: its last second is not waited for."""
        verdict = self._watch.look(self._pods.read(self.name), now)
        if verdict.cause is Cause.ALIVE:
            with suppress(RunDirectoryError, *store_errors()):  # it may be away for a while; the pod goes on
                return Verdict(Cause.DONE, exit_code=0) if self._find_published() else verdict
        return verdict

    def _find_published(self) -> StepRecord | None:
        """It is read once: what is published stays as it is."""
        if self._published is None:
            published = self._asking.directory.published(self._asking.generation)
            self._published = published.record if published and published.record.pod == self.name else None
        return self._published


def _last_line(outcome: StepRecord | None) -> str | None:
    """What a step prints last, once it has published."""
    if outcome is None or not outcome.outcome.is_published:
        return None
    return (outcome.reason or f"{outcome.step}: done after").splitlines()[-1]


def _log_seconds(verdict: Verdict) -> float:
    """How long the log of a pod that has ended is waited for; a node that died keeps it."""
    return 5.0 if verdict.cause in AGAIN else 15.0

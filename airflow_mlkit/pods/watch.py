"""A pod that is looked at again and again, until nothing more becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from airflow_mlkit.pods.verdict import Cause, Pod, Verdict, judge


@dataclass
class PodWatch:
    """What was seen of a pod.

    Attributes:
        node_wait: How long it may wait for a node, from its creation: who looks at it may change.
        say: Called with the scheduler's words while it waits.
        pod: As it was seen last; one that is gone tells nothing any more.
    """

    node_wait: timedelta
    say: Callable[[str], None]
    pod: Pod | None = None
    _said: str = field(default="", init=False)

    def look(self, pod: Pod | None, now: datetime) -> Verdict:
        """What becomes of the pod.

        Args:
            pod: as it is now; None for one that is not there any more.
            now: with a time zone.
        """
        self.pod = pod or self.pod
        verdict = judge(pod, now)
        if verdict.cause is Cause.NO_NODE and verdict.said != self._said:
            self._said = verdict.said
            self.say(f"waits for a node: {verdict.said}")
        return verdict

    def is_over(self, verdict: Verdict, now: datetime) -> bool:
        """Whether nothing more becomes of it, or it has waited too long for a node."""
        return verdict.is_final or (verdict.cause is Cause.NO_NODE and self.age(now) > self.node_wait)

    def age(self, now: datetime) -> timedelta:
        """How long it has been there."""
        if self.pod is None:
            return timedelta()
        return now - datetime.fromisoformat(self.pod["metadata"]["creationTimestamp"])

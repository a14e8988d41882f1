"""What follows from the pods that a step had: another one on some size, or the end, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_mlkit.exceptions import StoreError
from airflow_mlkit.plan import PlannedSize
from airflow_mlkit.pods.telling import tell_end
from airflow_mlkit.pods.verdict import Cause
from airflow_mlkit.rundir import PodRecord

_DISRUPTIONS = (Cause.DISRUPTED, Cause.DELETED)

AGAIN = (Cause.OUT_OF_MEMORY, Cause.UNASKED, Cause.STOPPED, *_DISRUPTIONS)
"""What another pod may help with, at once; anything else ends the step."""


@dataclass(frozen=True)
class NextPod:
    """Another pod is started, of this size."""

    size: PlannedSize


@dataclass(frozen=True)
class NoMore:
    """No pod is started any more, and this is why."""

    reason: str


def may_pass(pod: PodRecord) -> bool:
    """Whether a pod failed for its run's store, which is back later: that is what the task's own retries are for."""
    return pod.exit_code == StoreError.exit_code


def choose_next(
    step: str, sizes: Sequence[PlannedSize], pods: Sequence[PodRecord], interruptions: int
) -> NextPod | NoMore:
    """What follows from the pods that one asking for a step has had.

    Args:
        step: its name.
        sizes: the step's size and those that it grows to.
        pods: what became of the pods so far, oldest first.
        interruptions: how often it starts again that was preempted, evicted or deleted: no retries of the task.
    """
    if pods and pods[-1].cause not in (*AGAIN, Cause.DONE) and not may_pass(pods[-1]):
        return NoMore(tell_end(step, pods[-1]))
    disruptions = [pod for pod in pods if pod.cause in _DISRUPTIONS]
    if len(disruptions) > interruptions:
        return NoMore(f"{step}: interrupted {len(disruptions)} times, the last time: {disruptions[-1].said}")
    too_small = {pod.size for pod in pods if pod.cause == Cause.OUT_OF_MEMORY}
    tried = max((place for place, size in enumerate(sizes) if size.name in too_small), default=-1)
    if tried + 1 < len(sizes):
        return NextPod(sizes[tried + 1])
    names = ", ".join(size.name for size in sizes)
    return NoMore(f"{step}: asked {sizes[-1].resources.memory}, needed more; tried {names}")

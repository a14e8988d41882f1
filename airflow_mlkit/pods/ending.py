"""How a pod's end and its step's own outcome go together. What the step left in the run directory is the truth."""

from __future__ import annotations

from airflow_mlkit.pods.verdict import Cause, Verdict
from airflow_mlkit.rundir import UNASKED_EXIT_CODE, StepRecord


def conclude(verdict: Verdict, outcome: StepRecord | None) -> Verdict:
    """What became of a pod, in the light of the outcome that its step wrote.

    A step that published its result has done its work, whatever became of the pod afterwards; one that ended well and
    left none has not. A process that was killed inside the container, which lived on, lacked memory too.

    Args:
        verdict: what Kubernetes says.
        outcome: what the step in this pod wrote; None when it could not.
    """
    if outcome and outcome.outcome.is_published:
        return Verdict(Cause.DONE, outcome.reason or "", outcome.exit_code)
    if outcome and outcome.lacked_memory:
        return Verdict(Cause.OUT_OF_MEMORY, outcome.reason or "", outcome.exit_code)
    if verdict.cause is Cause.DONE:
        return Verdict(Cause.FAILED, "ended with exit code 0 and left no outcome in the run directory", 1)
    if verdict.cause is Cause.FAILED and verdict.exit_code == UNASKED_EXIT_CODE and outcome is None:
        return Verdict(Cause.UNASKED, exit_code=verdict.exit_code)
    if verdict.cause is Cause.FAILED and outcome:
        return Verdict(Cause.FAILED, outcome.reason or verdict.said, outcome.exit_code)
    return verdict

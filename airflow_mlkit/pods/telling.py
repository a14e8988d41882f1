"""What became of a pod, for the run directory and for people."""

from __future__ import annotations

from datetime import datetime

from airflow_mlkit.plan.pod import LABEL
from airflow_mlkit.pods.verdict import Cause, Pod, Verdict, find_state
from airflow_mlkit.rundir import PodRecord, StepRecord

_TELLING: dict[str, str] = {
    Cause.NO_NODE: "{step}: no node for the size {size}: {said}",
    Cause.NOT_STARTED: "{step}: the pod cannot start: {said}",
    Cause.TIME_LIMIT: "{step}: ended by the time limit of the size {size}. {said}",
    Cause.OUT_OF_DISK: "{step}: more disk was needed than the size {size} has: {said}",
}


def tell_end(step: str, pod: PodRecord) -> str:
    """Why no further pod is started, in a sentence.

    Args:
        step: its name.
        pod: what became of its last one.
    """
    said = pod.said or f"The step {step} ended with exit code {pod.exit_code}."
    return _TELLING.get(pod.cause, "{said}").format(step=step, size=pod.size, said=said)


def record_pod(name: str, pod: Pod | None, verdict: Verdict, outcome: StepRecord | None = None) -> PodRecord:
    """What became of a pod, as it stands in the run directory.

    Args:
        name: the pod's.
        pod: as it was seen last; None for one that nobody has seen.
        verdict: what became of it.
        outcome: what its step wrote; None when it could not. It may have ended before Kubernetes says so.
    """
    seen = pod or {"metadata": {"labels": {}}}
    state = find_state(seen)
    ran = state.get("terminated") or state.get("running") or {}
    return PodRecord(
        pod=name,
        size=seen["metadata"]["labels"].get(f"{LABEL}/size", "unknown"),
        cause=verdict.cause,
        said=verdict.said,
        exit_code=verdict.exit_code,
        node=(seen.get("spec") or {}).get("nodeName"),
        started=_moment(ran.get("startedAt")),
        ended=_moment(ran.get("finishedAt")) or (outcome and outcome.ended),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

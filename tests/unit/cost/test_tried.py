"""What was tried for a step, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_mlkit.cost.tried import measure_pod, tell_tried
from airflow_mlkit.pods.verdict import Cause
from airflow_mlkit.rundir import Outcome, PodRecord, StepRecord
from airflow_mlkit.spec.platform import PlatformSpec

NOW = datetime(2026, 11, 22, tzinfo=UTC)

PLATFORM = PlatformSpec.model_validate(
    {
        "sizes": {"small": {"cpu": 4, "memory": "4Gi", "grows_to": "large"}, "large": {"cpu": 8, "memory": "32Gi"}},
        "default_size": "small",
        "pools": {"general": {"price_per_hour": 0.8, "node": {"cpu": 16, "memory": "64Gi"}}},
        "currency": "EUR",
    }
)


def pod_of(size: str, cause: Cause, seconds: float | None, peak: float | None = None) -> PodRecord:
    """A pod as the task records it; its step wrote an outcome where it had a peak."""
    ended = None if seconds is None else NOW + timedelta(seconds=seconds)
    pod = PodRecord(pod=f"{size}-{cause}", size=size, cause=cause, started=NOW, ended=ended)
    wrote = {"step": "train", "generation": 1, "try_number": 1, "outcome": Outcome.DONE, "exit_code": 0}
    outcome = peak and StepRecord.model_validate({**wrote, "started": NOW, "ended": NOW, "peak_memory_mib": peak})
    return measure_pod(pod, outcome or None, PLATFORM, "kubernetes")


def test_each_pod_is_told_with_its_size_its_end_its_memory_and_what_all_cost() -> None:
    tried = [
        pod_of("small", Cause.OUT_OF_MEMORY, 900),
        pod_of("large", Cause.DISRUPTED, 1800),
        pod_of("large", Cause.DONE, 3600, 15120.4),
    ]
    # a quarter of a node for a quarter of an hour, half of one for an hour and a half
    assert tell_tried(tried) == (
        "small: out of memory after 900 s, needed more than 4Gi; large: disrupted after 1800 s; "
        "large: done after 3600 s, peak 15,120 MiB; together 0.65 EUR"
    )


def test_what_is_not_known_is_not_told() -> None:
    lost = pod_of("large", Cause.DISRUPTED, None)
    strange = pod_of("a size of an older platform.yaml", Cause.OUT_OF_MEMORY, 5)
    assert tell_tried([lost, pod_of("small", Cause.DONE, 3600, 100)]) == (
        "large: disrupted; small: done after 3600 s, peak 100 MiB; together at least 0.20 EUR"
    )
    assert tell_tried([strange]) == "a size of an older platform.yaml: out of memory after 5 s"
    assert tell_tried([]) == "none"


def test_a_record_from_before_is_read_and_a_new_one_comes_back_as_it_was() -> None:
    measured = pod_of("small", Cause.DONE, 5, 100)
    assert PodRecord.model_validate_json(measured.to_bytes()) == measured
    before = PodRecord.model_validate_json('{"pod": "p", "size": "small", "cause": "done", "said": ""}')
    assert (before.asked, before.peak_memory_mib) == (None, None)

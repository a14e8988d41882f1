"""What follows from the pods that a step had, and from what its step wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlkit.exceptions import StoreError
from airflow_mlkit.plan import PlannedSize
from airflow_mlkit.pods.ending import conclude
from airflow_mlkit.pods.next_pod import NextPod, NoMore, choose_next, may_pass
from airflow_mlkit.pods.verdict import Cause, Verdict
from airflow_mlkit.rundir import UNASKED_EXIT_CODE, Outcome, PodRecord, StepRecord
from airflow_mlkit.spec.pool import Pool
from airflow_mlkit.spec.size import Size

SIZES = [
    PlannedSize(name=name, resources=Size(cpu=1, memory=memory), pool=Pool())
    for name, memory in {"cpu-small": "1Gi", "cpu-large": "2Gi", "high-memory": "4Gi"}.items()
]
MAX_DISRUPTIONS = 5
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def pods_of(*causes: tuple[Cause, str]) -> list[PodRecord]:
    return [PodRecord(pod=f"p{n}", size=size, cause=cause, said="x") for n, (cause, size) in enumerate(causes)]


@pytest.mark.parametrize(
    ("causes", "size"),
    [
        ([], "cpu-small"),
        ([(Cause.OUT_OF_MEMORY, "cpu-small")], "cpu-large"),
        ([(Cause.OUT_OF_MEMORY, "cpu-small"), (Cause.OUT_OF_MEMORY, "cpu-large")], "high-memory"),
        ([(Cause.DISRUPTED, "cpu-small")], "cpu-small"),
        ([(Cause.OUT_OF_MEMORY, "cpu-small"), (Cause.DISRUPTED, "cpu-large")], "cpu-large"),
        ([(Cause.DELETED, "cpu-small")] * MAX_DISRUPTIONS, "cpu-small"),
        ([(Cause.UNASKED, "cpu-small")], "cpu-small"),
        ([(Cause.STOPPED, "cpu-small")] * (MAX_DISRUPTIONS + 1), "cpu-small"),
        ([(Cause.OUT_OF_MEMORY, "a size of an older platform.yaml")], "cpu-small"),
    ],
)
def test_the_next_pod_has_more_memory_only_where_that_was_lacking(causes: list[Any], size: str) -> None:
    chosen = choose_next("train", SIZES, pods_of(*causes), MAX_DISRUPTIONS)
    assert isinstance(chosen, NextPod)
    assert chosen.size.name == size


def test_at_the_top_it_ends_with_what_was_tried() -> None:
    tried = [(Cause.OUT_OF_MEMORY, size.name) for size in SIZES]
    assert choose_next("train", SIZES, pods_of(*tried), MAX_DISRUPTIONS) == NoMore(
        "train: asked 4Gi, needed more; tried cpu-small, cpu-large, high-memory"
    )


def test_a_step_that_is_interrupted_for_ever_ends_some_day() -> None:
    chosen = choose_next(
        "train", SIZES, pods_of(*[(Cause.DISRUPTED, "cpu-small")] * (MAX_DISRUPTIONS + 1)), MAX_DISRUPTIONS
    )
    assert chosen == NoMore("train: interrupted 6 times, the last time: x")


def test_a_pod_that_its_task_came_too_late_for_is_no_interruption() -> None:
    assert isinstance(choose_next("train", SIZES, pods_of((Cause.UNASKED, "cpu-small")), 0), NextPod)


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (Cause.FAILED, "x"),
        (Cause.NO_NODE, "train: no node for the size cpu-small: x"),
        (Cause.NOT_STARTED, "train: the pod cannot start: x"),
        (Cause.TIME_LIMIT, "train: ended by the time limit of the size cpu-small. x"),
    ],
)
def test_what_another_pod_would_not_help_with_ends_the_step_whoever_looks_at_it(cause: Cause, reason: str) -> None:
    """A worker may die between writing it down and failing its task; the retry must not start another pod."""
    history = pods_of((Cause.DISRUPTED, "cpu-small"), (cause, "cpu-small"))
    assert choose_next("train", SIZES, history, MAX_DISRUPTIONS) == NoMore(reason)


def test_a_run_directory_that_was_away_is_left_to_the_tasks_own_retries() -> None:
    away = PodRecord(pod="p", size="cpu-small", cause=Cause.FAILED, exit_code=StoreError.exit_code)
    assert may_pass(away)
    assert isinstance(choose_next("train", SIZES, [away], MAX_DISRUPTIONS), NextPod)


@given(
    st.lists(st.tuples(st.sampled_from([Cause.DISRUPTED, Cause.OUT_OF_MEMORY]), st.sampled_from(SIZES)), max_size=20)
)
def test_a_size_that_was_too_small_is_never_tried_again(history: list[tuple[Cause, PlannedSize]]) -> None:
    chosen = choose_next("train", SIZES, pods_of(*[(cause, size.name) for cause, size in history]), MAX_DISRUPTIONS)
    too_small = [SIZES.index(size) for cause, size in history if cause is Cause.OUT_OF_MEMORY]
    if isinstance(chosen, NextPod):
        assert SIZES.index(chosen.size) > max(too_small, default=-1)


def outcome(kind: Outcome, **fields: Any) -> StepRecord:
    record = {"step": "train", "generation": 1, "try_number": 1, "exit_code": 1, "started": NOW, "ended": NOW}
    return StepRecord.model_validate({**record, "outcome": kind, **fields})


@pytest.mark.parametrize("cause", [Cause.DELETED, Cause.OUT_OF_MEMORY, Cause.DISRUPTED, Cause.FAILED, Cause.DONE])
def test_a_published_result_is_the_truth_whatever_became_of_the_pod(cause: Cause) -> None:
    done = outcome(Outcome.DONE, exit_code=0)
    assert conclude(Verdict(cause), done) == Verdict(Cause.DONE, "", 0)
    assert conclude(Verdict(cause), outcome(Outcome.HELD_BACK, exit_code=20)).exit_code == 20


def test_a_pod_that_was_started_ahead_and_never_asked_has_not_failed() -> None:
    assert conclude(Verdict(Cause.FAILED, "...log", UNASKED_EXIT_CODE), None).cause is Cause.UNASKED
    of_its_own = outcome(Outcome.FAILED, exit_code=UNASKED_EXIT_CODE)
    assert conclude(Verdict(Cause.FAILED, "...log", UNASKED_EXIT_CODE), of_its_own).cause is Cause.FAILED


def test_a_pod_that_ended_well_without_a_result_has_failed() -> None:
    assert conclude(Verdict(Cause.DONE, exit_code=0), None).cause is Cause.FAILED
    assert conclude(Verdict(Cause.DONE, exit_code=0), outcome(Outcome.FAILED)).cause is Cause.FAILED


def test_a_child_that_was_killed_for_memory_counts_as_the_container_would() -> None:
    failed = outcome(Outcome.FAILED, lacked_memory=True, reason="TerminatedWorkerError: a worker was killed")
    assert conclude(Verdict(Cause.FAILED, exit_code=1), failed).cause is Cause.OUT_OF_MEMORY


def test_the_steps_own_words_go_before_the_last_lines_of_its_log() -> None:
    failed = outcome(Outcome.FAILED, reason="No rows are left.", exit_code=3)
    assert conclude(Verdict(Cause.FAILED, "...log", 3), failed) == Verdict(Cause.FAILED, "No rows are left.", 3)


@pytest.mark.parametrize("cause", [Cause.DISRUPTED, Cause.DELETED, Cause.TIME_LIMIT, Cause.NOT_STARTED])
def test_what_was_done_to_the_pod_is_not_blamed_on_the_step(cause: Cause) -> None:
    stopped = outcome(Outcome.FAILED, exit_code=143, reason="Stopped by SIGTERM.")
    assert conclude(Verdict(cause, "words"), stopped) == Verdict(cause, "words")

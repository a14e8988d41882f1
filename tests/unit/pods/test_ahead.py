"""Which pods are started ahead."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_mlkit.pods.ahead import WAIT_SECONDS, find_next_steps, let_wait
from airflow_mlkit.project import load_project
from tests.projects import build_project


@pytest.mark.parametrize(
    ("done", "ready", "following"),
    [
        ("extract", set(), ["validate", "split"]),
        ("split", {"extract"}, []),
        ("split", {"extract", "validate"}, ["train"]),
        ("validate", {"extract", "split"}, ["train"]),
        ("gate", set(), ["promote"]),
        ("promote", set(), []),
    ],
)
def test_a_step_starts_ahead_when_all_before_it_is_done(
    tmp_path: Path, done: str, ready: set[str], following: list[str]
) -> None:
    plan = load_project(build_project(tmp_path)).plan.retrain
    assert sorted(step.name for step in find_next_steps(plan, done, ready.__contains__)) == sorted(following)


def test_the_wait_for_its_task_is_not_of_the_steps_time_limit() -> None:
    metadata = {"name": "p", "finalizers": ["mlkit.dev/verdict"]}
    limited = {"metadata": metadata, "spec": {"activeDeadlineSeconds": 30}}
    assert let_wait(limited) == {"metadata": {"name": "p"}, "spec": {"activeDeadlineSeconds": 30 + WAIT_SECONDS}}
    assert let_wait({"metadata": metadata, "spec": {}}) == {"metadata": {"name": "p"}, "spec": {}}

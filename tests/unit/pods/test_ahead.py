"""Which pods are started ahead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_mlkit.pods.ahead import WAIT_SECONDS, find_next_steps, let_wait, may_start_ahead
from airflow_mlkit.project import Project, load_project
from tests.projects import build_project, default_spec


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
    metadata, step = {"name": "p", "finalizers": ["mlkit.dev/verdict"]}, {"command": ["mlkit", "step", "train"]}
    waiting = {"command": ["mlkit", "step", "train", f"--when-asked={WAIT_SECONDS}"]}
    limited = {"metadata": metadata, "spec": {"containers": [step], "activeDeadlineSeconds": 30}}
    assert let_wait(limited) == {
        "metadata": {"name": "p"},
        "spec": {"containers": [waiting], "activeDeadlineSeconds": 30 + WAIT_SECONDS},
    }
    unlimited = {"metadata": metadata, "spec": {"containers": [step]}}
    assert let_wait(unlimited) == {"metadata": {"name": "p"}, "spec": {"containers": [waiting]}}


def test_no_pod_waits_where_a_person_is_asked_or_the_platform_says_no(tmp_path: Path) -> None:
    approval = {"approval": "person", "ask": ["ana"], "within": "1d"}
    folder = build_project(tmp_path, spec={**default_spec(), "promote": approval})
    steps = {step.name: step for step in _load(folder, start_ahead=True).plan.retrain.steps}
    found = [name for name, step in steps.items() if may_start_ahead(_load(folder, start_ahead=True), step)]
    assert found == ["validate", "split", "train", "evaluate", "gate"]
    assert not any(may_start_ahead(_load(folder, start_ahead=False), step) for step in steps.values())


def _load(folder: Path, *, start_ahead: bool) -> Project:
    place = {"backend": "kubernetes", "namespace": "ml", "runs": "s3://ml/runs", "mlflow": "https://m.example.com"}
    environments = {"cluster": {**place, "start_ahead": start_ahead}}
    (folder / "platform.yaml").write_text(json.dumps({"environments": environments}))
    return load_project(folder, environment="cluster")

"""What is read of past runs: the newest ones, whole; what is damaged is left out and counted."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from upath import UPath

from airflow_mlkit.cli.app import app
from airflow_mlkit.sizing.past_runs import read_past_runs
from tests.buckets import serve_bucket
from tests.costing import NOON, SMALL, write_run, write_try
from tests.projects import build_project

PLATFORM = """\
sizes:
  cpu-small: {cpu: 2, memory: 4Gi, grows_to: cpu-large}
  cpu-large: {cpu: 8, memory: 16Gi}
pools: {general: {price_per_hour: 0.4, node: {cpu: 8, memory: 32Gi}}}
currency: EUR
environments:
  prod: {backend: local, runs: RUNS, mlflow: "sqlite:///m.db"}
"""


def write_measured(runs: UPath | Path, number: int, peak: float = 1000, project: str = "cards") -> UPath:
    """A run of one step that asked for cpu-large; one a week."""
    run = write_run(runs, f"r{number}", project=project)
    begun = NOON + timedelta(days=7 * number)
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"started": begun.isoformat()}))
    folder = write_try(run, started=begun, size=SMALL | {"name": "cpu-large", "cpu": 8, "memory": "16Gi"})
    outcome = json.loads((folder / "outcome.json").read_text())
    (folder / "outcome.json").write_text(json.dumps(outcome | {"peak_memory_mib": peak}))
    return run


def add_pod(run: UPath, content: str = "") -> None:
    record = {"pod": "cards-train-1", "size": "cpu-small", "cause": "out_of_memory"}
    folder = run / "steps" / "train" / "1" / "pods"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "1.json").write_text(content or json.dumps(record))


def test_the_newest_runs_are_read_whatever_they_are_called(tmp_path: Path) -> None:
    for number in (3, 11, 2):
        write_measured(tmp_path, number)
    found = read_past_runs(tmp_path, "cards", 2)
    assert ([run.folder for run in found.runs], found.read, found.there) == (["r11", "r3"], 2, 3)


def test_what_is_damaged_is_counted_and_the_rest_read(tmp_path: Path) -> None:
    runs = [write_measured(tmp_path, number) for number in range(4)]
    (runs[0] / "run.json").write_text("{")
    (runs[1] / "steps/train/1/tries/1/outcome.json").write_text("[]")
    add_pod(runs[2], "{")
    add_pod(runs[3])
    (tmp_path / "a-file").write_text("x")
    found = read_past_runs(tmp_path, "cards", 50)
    assert sorted(run.folder for run in found.runs) == ["r1", "r2", "r3"]
    assert len(found.damaged) == 3
    assert [pod.size for run in found.runs for pod in run.pods] == ["cpu-small"]


def test_no_runs_are_no_error(tmp_path: Path) -> None:
    assert read_past_runs(tmp_path / "nowhere", "cards", 5).runs == ()


def test_a_bucket_is_read_as_a_folder_is(tmp_path: Path) -> None:
    with serve_bucket("sizing") as bucket:
        for place in (bucket / "cards", tmp_path):
            for number in range(3):
                add_pod(write_measured(place, number, peak=1000 + number))
        there, here = (read_past_runs(place, "cards", 2) for place in (bucket / "cards", tmp_path))
    assert there == here
    assert there.runs[0].tries[0].peak_memory_mib == 1002
    assert there.runs[0].pods[0].cause == "out_of_memory"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    runs = tmp_path / "runs"
    (tmp_path / "platform.yaml").write_text(PLATFORM.replace("RUNS", str(runs)))
    for number in range(4):
        write_measured(runs / "cards", number)
        write_measured(runs / "churn", number, peak=9000, project="churn")
    return runs


def mlkit(*words: str) -> Any:
    return CliRunner().invoke(app, ["sizes", "advise", *words])


def test_a_platform_team_sees_all_projects(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs.parent)
    ended = mlkit("--environment", "prod")
    assert ended.exit_code == 0, ended.output
    assert "sizes: {train: cpu-small}" in ended.output
    assert "Together that saves" in ended.output
    told = json.loads(mlkit("--environment", "prod", "--json", "--runs", "3").output)
    assert {step["project"]: step["verdict"] for step in told["steps"]} == {"cards": "too_large", "churn": "fits"}
    assert told["projects"][0] == {"project": "cards", "read": 3, "there": 4, "damaged": []}


def test_a_project_sees_its_own_and_with_all_its_neighbours(runs: Path) -> None:
    project = build_project(runs.parent / "cards", rows=10)
    given = ["--project", str(project), "--platform", str(runs.parent / "platform.yaml"), "--environment", "prod"]
    assert [each["project"] for each in json.loads(mlkit("--json", *given).output)["projects"]] == ["cards"]
    assert len(json.loads(mlkit("--json", "--all", *given).output)["projects"]) == 2


def test_where_nothing_ran_and_where_nothing_is_are_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "neither an mlkit.yaml nor a platform.yaml" in str(mlkit().exception)
    (tmp_path / "platform.yaml").write_text(PLATFORM.replace("RUNS", str(tmp_path / "none")))
    assert "in each project's own folder" in str(mlkit("--environment", "laptop").exception)
    assert "Nothing has run yet" in mlkit("--environment", "prod").output

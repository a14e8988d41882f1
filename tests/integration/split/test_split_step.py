"""The step split on a project: what the project's code may do to its features, and how it ends otherwise."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_mlkit.data.split_record import SplitRecord
from airflow_mlkit.project import load_project
from airflow_mlkit.rundir import RunDirectory, RunRecord, StepRecord
from airflow_mlkit.steps.run import run_step
from tests.projects import WORKFLOW, build_project


def split(folder: Path, *features: str) -> StepRecord:
    """Runs extract and split on a project whose `features()` has these lines."""
    body = "".join(f"        {line}\n" for line in features)
    method = f"    def features(self, dataframe):\n{body}\n    def train(" if features else "    def train("
    build_project(folder, workflow=WORKFLOW.replace("    def train(", method))
    project = load_project(folder)
    record = RunRecord(name="cards", run_id="1", started=datetime(2026, 7, 1, tzinfo=UTC))
    run = RunDirectory.create(str(folder / "run"), record)
    assert run_step("extract", project, run).exit_code == 0
    return run_step("split", project, run)


def test_features_of_the_project_are_applied_and_described(tmp_path: Path) -> None:
    record = split(tmp_path, 'dataframe["large"] = dataframe["amount"] > 50', "return dataframe")
    assert record.exit_code == 0, record.reason
    found = SplitRecord.load(tmp_path / "run/steps/split/1/tries/1/split.json")
    assert [(feature.name, feature.type) for feature in found.features] == [
        ("amount", "number"),
        ("country", "category"),
        ("large", "number"),
    ]
    assert record.summary["rows"]["holdout"] == found.rows.holdout > 100
    assert record.summary["classes"]["yes"]["training"] == found.class_counts["training"][1]
    assert found.dates["holdout"][0] >= datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["return dataframe[dataframe.amount > 20]"], "rows for"),
        (["return dataframe.sort_values('amount')"], "another order"),
        (["return None"], "returned None"),
        (["return 1 / 0"], "ZeroDivisionError"),
        (["return dataframe.assign(x=dataframe.amount / 0)"], "'x' is infinite"),
        (["return dataframe.assign(fraud=1)"], "returned the label 'fraud'"),
        (["return dataframe.assign(t='2026-01-01').astype({'t': 'datetime64[us]'})"], "'t' as datetime64"),
        (["import pandas", "return pandas.concat([dataframe, dataframe], axis=1)"], "'amount' twice"),
        (["return dataframe['created_at']"], "KeyError"),
    ],
)
def test_features_that_no_model_can_be_fitted_on_are_the_users_mistake(
    tmp_path: Path, lines: list[str], message: str
) -> None:
    record = split(tmp_path, *lines)
    assert record.exit_code == 2
    assert message in str(record.reason)
    assert "Traceback" not in str(record.reason)


def test_nothing_is_left_behind_by_a_try_that_failed(tmp_path: Path) -> None:
    split(tmp_path, "return None")
    folder = tmp_path / "run/steps/split/1/tries/1"
    assert not list(folder.glob(".spool-*"))
    assert not (tmp_path / "run/steps/split/1/published.json").exists()

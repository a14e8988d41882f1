"""Steps of a run in this process, for tests that need a run or a champion."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from airflow_mlkit.project import load_project
from airflow_mlkit.rundir import RunDirectory, RunRecord, StepRecord
from airflow_mlkit.spec.run_parameters import RunParameters
from airflow_mlkit.steps.run import run_step

RETRAIN = ("extract", "split", "train", "evaluate", "gate", "promote")


def run_steps(
    folder: Path, run_id: str, *steps: str, as_of: datetime | None = None, parameters: RunParameters | None = None
) -> StepRecord:
    """Run steps of one run in this process. Returns how the last one ended."""
    project = load_project(folder)
    given = {"as_of": as_of, "parameters": parameters or RunParameters()}
    record = RunRecord(name=project.spec.name, run_id=run_id, started=datetime.now(UTC), **given)
    run = RunDirectory.create(f"{project.runs}/{run_id}", record)
    return [run_step(step, project, run) for step in steps][-1]


def rewrite(folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change the payments of a project."""
    path = folder / "data" / "payments.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)

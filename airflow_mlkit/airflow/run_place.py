"""Where the steps of a Dag run meet."""

from __future__ import annotations

from airflow_mlkit.project import Project
from airflow_mlkit.rundir import safe_run_id


def find_run_directory(project: Project, run_id: str, *, is_retrain: bool = True) -> str:
    """The URI of a Dag run's run directory. Both Dags of a project keep their runs side by side."""
    return f"{project.runs}/{safe_run_id(run_id if is_retrain else f'predict__{run_id}')}"

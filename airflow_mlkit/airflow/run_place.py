"""Where the steps of a Dag run meet."""

from __future__ import annotations

from airflow_mlkit.project import Project
from airflow_mlkit.rundir import safe_run_id


def find_run_directory(project: Project, run_id: str, *, is_retrain: bool = True) -> str:
    """The URI of a Dag run's run directory. Both Dags of a project keep their runs side by side."""
    return run_directory_under(project.runs, run_id if is_retrain else f"predict__{run_id}")


def run_directory_under(runs: str, run_id: str) -> str:
    """The URI of a run's directory, among the runs of its project."""
    return f"{runs}/{safe_run_id(run_id)}"

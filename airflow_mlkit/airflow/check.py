"""Whether Airflow would load a project's Dags: tried in a process and an AIRFLOW_HOME of their own."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

from airflow_mlkit.exceptions import MLKitError
from airflow_mlkit.extras import must_be_installed
from airflow_mlkit.project import Project

TIMEOUT_SECONDS = 60


def check_dag(project: Project, *, platform: str | Path | None = None) -> list[str]:
    """Load the project's Dag files as Airflow would. The user's own Airflow is not touched.

    Args:
        project: whose files under dags/ are loaded; without any, its Dags are built from mlkit.yaml alone.
        platform: the platform.yaml, where it is not the project's own.

    Returns:
        What is wrong, a sentence each; empty when the Dags load.

    Raises:
        MissingExtraError: when Airflow is not installed.
    """
    must_be_installed("airflow", extra="airflow", purpose="checking the Dag")
    with tempfile.TemporaryDirectory(prefix="mlkit-check-") as home:
        return _load_in_process(project, home, str(platform) if platform else None)


def _load_in_process(project: Project, home: str, platform: str | None) -> list[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    settings = {
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__MLKIT__ENVIRONMENT": project.plan.environment,
        "AIRFLOW__MLKIT__PLATFORM": platform or "",
        "MLKIT_ENVIRONMENT": project.plan.environment,
    }
    result = Path(home) / "problems.json"
    command = [sys.executable, "-m", "airflow_mlkit.airflow.check", str(project.folder), str(result)]
    ended = subprocess.run(
        command, env={**inherited, **settings}, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    if not result.exists():
        return [f"Airflow could not be asked: {(ended.stderr or ended.stdout).strip()[-500:]}"]
    problems: list[str] = json.loads(result.read_text())
    return problems


def find_problems(folder: Path) -> list[str]:
    """Load each Dag file of a project in this process. Returns what is wrong."""
    files = sorted((folder / "dags").glob("*.py"))
    if not files:
        return _problem_of(folder)
    return [problem for file in files for problem in _problem_of(file)]


def _problem_of(path: Path) -> list[str]:
    from airflow.sdk import DAG

    from airflow_mlkit.airflow.factory import pipeline_dags

    try:
        found = pipeline_dags(path) if path.is_dir() else runpy.run_path(str(path))
        dags = [value for value in found.values() if isinstance(value, DAG)]
        for dag in dags:
            dag.check_cycle()
    except MLKitError as error:
        return [str(error)]
    except Exception as error:  # noqa: BLE001  # a Dag file is the user's code: whatever it raises is what Airflow would show
        line = next(
            (f.lineno for f in reversed(traceback.extract_tb(error.__traceback__)) if f.filename == str(path)), 1
        )
        return [f"{path}:{line} {type(error).__name__}: {error}"]
    return [] if dags else [f"{path}:1 makes no Dag; it is three lines that end with globals().update(...)"]


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(find_problems(Path(sys.argv[1]))))

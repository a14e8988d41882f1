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

TIMEOUT_SECONDS = 60.0
"""For all files of a project. Airflow itself gives each file half of that."""

RESULT, UNDER_WAY = "problems.json", "under_way.txt"
"""What the process writes into its AIRFLOW_HOME: what is wrong, and the file that it is loading."""


def check_dag(project: Project, *, platform: str | Path | None = None, timeout: float = TIMEOUT_SECONDS) -> list[str]:
    """Load the project's Dag files as Airflow would. The user's own Airflow is not touched.

    Args:
        project: whose files under dags/ are loaded; without any, its Dags are built from mlkit.yaml alone.
        platform: the platform.yaml, where it is not the project's own.
        timeout: how long it may take, in seconds.

    Returns:
        What is wrong, a sentence each; empty when the Dags load.

    Raises:
        MissingExtraError: when Airflow is not installed.
    """
    must_be_installed("airflow", extra="airflow", purpose="checking the Dag")
    with tempfile.TemporaryDirectory(prefix="mlkit-check-") as home:
        return _load_in_process(project, Path(home), str(platform) if platform else "", timeout)


def _load_in_process(project: Project, home: Path, platform: str, timeout: float) -> list[str]:
    command = [sys.executable, "-m", "airflow_mlkit.airflow.check", str(project.folder), str(home)]
    environment = _environment(project, home, platform)
    try:
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return [f"{_file_under_way(home, project)}: had not loaded after {timeout:g} seconds, and was stopped"]
    result = home / RESULT
    if not result.exists():
        return [f"Airflow could not be asked: {(ended.stderr or ended.stdout).strip()[-500:]}"]
    problems: list[str] = json.loads(result.read_text())
    return problems


def _environment(project: Project, home: Path, platform: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__MLKIT__ENVIRONMENT": project.plan.environment,
        "AIRFLOW__MLKIT__PLATFORM": platform,
        "MLKIT_ENVIRONMENT": project.plan.environment,
    }
    return {**inherited, **settings}


def _file_under_way(home: Path, project: Project) -> str:
    """What the process was loading when it was stopped: the folder where it was still starting."""
    path = home / UNDER_WAY
    return path.read_text() if path.exists() else str(project.folder)


def find_problems(folder: Path, home: Path) -> list[str]:
    """Load each Dag file of a project in this process, and note in `home` which one it is. Returns what is wrong."""
    problems = []
    for path in sorted((folder / "dags").glob("*.py")) or [folder]:
        (home / UNDER_WAY).write_text(str(path))
        problems += _problem_of(path)
    return problems


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
    folder, home = map(Path, sys.argv[1:])
    (home / RESULT).write_text(json.dumps(find_problems(folder, home)))

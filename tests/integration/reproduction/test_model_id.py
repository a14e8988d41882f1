"""The model id is a hash of content: nothing of the machine, the user or the moment is in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from airflow_mlkit.project import load_project
from airflow_mlkit.rundir import RunDirectory
from tests.projects import build_project

ELSEWHERE = {
    "USER": "bo",
    "LOGNAME": "bo",
    "TZ": "Pacific/Kiritimati",
    "LANG": "tr_TR.UTF-8",
    "LC_ALL": "C",
    "PYTHONHASHSEED": "4711",
    "OMP_NUM_THREADS": "1",
}


def make(folder: Path, **variables: str) -> str:
    project = load_project(build_project(folder, rows=300))
    for step in ("extract", "split", "train"):
        command = [sys.executable, "-m", "airflow_mlkit", "step", step, "--run-dir", f"{project.runs}/r"]
        done = subprocess.run(
            [*command, "--project", str(folder)], env=os.environ | variables, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    return str(RunDirectory(f"{project.runs}/r").published("train").summary["model_id"])


def test_the_same_inputs_give_the_same_id_in_another_folder_for_another_user(tmp_path: Path) -> None:
    here = make(tmp_path / "here", PYTHONHASHSEED="0", TZ="UTC")
    there = make(tmp_path / "Bo's döner #2" / "deep", HOME=str(tmp_path), **ELSEWHERE)
    assert here == there

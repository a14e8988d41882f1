"""Every step is a process of its own: what one imports without need is paid for in every retrain of every project."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_mlkit.plan.pipeline_plan import PlannedStep
from airflow_mlkit.project import load_project
from tests.projects import WORKFLOW, build_project

EVERY_STEP = {"airflow", "cookiecutter", "matplotlib", "skops"}
UNNEEDED = {
    "extract": {"great_expectations", "mlflow", "scipy", "sklearn", "xgboost"},
    "validate": {"mlflow", "skops", "xgboost"},
    "split": {"great_expectations", "mlflow", "scipy", "sklearn", "xgboost"},
    "train": {"great_expectations", "mlflow"},
    "evaluate": {"great_expectations", "mlflow"},
    "gate": {"great_expectations", "mlflow", "sklearn", "xgboost"},
    "promote": {"great_expectations", "scipy.stats", "sklearn", "xgboost"},
}
"""Of a first retrain: a gate that compares with a champion loads that model with everything it needs."""

LATE = WORKFLOW.replace("from xgboost import XGBClassifier\n", "").replace(
    "        model =", "        from xgboost import XGBClassifier\n\n        model ="
)
"""A project whose module does not need XGBoost, so that what the kit itself imports can be told apart."""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The modules that the process of each step of one retrain imported."""
    project = load_project(build_project(tmp_path_factory.mktemp("imports") / "cards", workflow=LATE))
    return {step.name: run_step(step, project.folder, f"{project.runs}/first") for step in project.plan.retrain.steps}


def run_step(step: PlannedStep, folder: Path, run: str) -> set[str]:
    _, *words = step.command
    command = [sys.executable, "-X", "importtime", "-m", "airflow_mlkit", *words, "--run-dir", run]
    ended = subprocess.run([*command, "--project", str(folder)], capture_output=True, text=True, timeout=200)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return set(re.findall(r"^import time:.*\| +(\S+)$", ended.stderr, re.MULTILINE))


@pytest.mark.parametrize("step", UNNEEDED)
def test_a_step_imports_nothing_that_it_does_not_need(step: str, imported: dict[str, set[str]]) -> None:
    assert imported[step] & (UNNEEDED[step] | EVERY_STEP) == set()


def test_all_steps_of_a_retrain_are_looked_at(imported: dict[str, set[str]]) -> None:
    assert set(imported) == set(UNNEEDED)
    needed = {"validate": "great_expectations", "train": "xgboost", "evaluate": "xgboost", "promote": "mlflow"}
    assert all(module in imported[step] for step, module in needed.items())

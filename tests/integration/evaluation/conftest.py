"""Real runs of a small project: from its csv to a gate report, step by step in this process."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_mlkit.gates.report import GateReport
from airflow_mlkit.project import Project, load_project
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.rundir import RunDirectory, RunRecord, StepRecord
from airflow_mlkit.steps.context import StepContext
from airflow_mlkit.steps.gate import judge
from airflow_mlkit.steps.run import run_step
from airflow_mlkit.workflows.manifest import load_manifest
from tests.forging import seal
from tests.projects import build_project, default_spec

BEFORE_GATE = ("extract", "split", "train", "evaluate")


@dataclass
class Run:
    """A run whose steps up to evaluate were done."""

    project: Project
    directory: RunDirectory

    def step(self, name: str) -> StepRecord:
        return run_step(name, self.project, self.directory)

    def file(self, step: str, name: str) -> Path:
        return self.directory.published(step).file(name)

    def json(self, step: str, name: str) -> Any:
        return json.loads(self.file(step, name).read_text())

    @property
    def model_folder(self) -> Path:
        return self.directory.published("train").folder("model")

    def judge(self, champion: ChampionEntry | None) -> GateReport:
        planned = self.project.plan.retrain.step("gate")
        context = StepContext(self.project, self.directory, planned, self.directory.step("gate").begin())
        return judge(context, champion).report

    @property
    def head(self) -> ChampionEntry | None:
        return ChampionLog(self.project.champions).head()

    def crown(self, model: Path | None = None, **fields: Any) -> ChampionEntry:
        """Make a folder of a model (by default a copy of this run's) the champion."""
        log = ChampionLog(self.project.champions)
        n = len(log.entries()) + 1
        folder = model or self.copy_model(f"champion-{n}")
        values = {
            "n": n,
            "model_name": self.project.spec.name,
            "model_version": str(n),
            "model_id": load_manifest(folder).model_id,
            "run_id": "earlier",
            "run_dir": str(folder),
            "promoted_at": datetime.now(UTC),
            "promoted_by": "someone@example.com",
            "reason": "It was there first.",
            "artifact": str(folder),
            **dict.fromkeys(("gate_report", "data_hash", "holdout_hash", "spec_hash", "code_hash"), "0" * 64),
        }
        entry = ChampionEntry.model_validate(values | fields)
        assert log.append(entry)
        return entry

    def copy_model(self, name: str, **manifest: Any) -> Path:
        """A copy of this run's model with another manifest; it has a model id of its own."""
        folder = self.project.folder / name
        shutil.copytree(self.model_folder, folder)
        (folder / "code" / "cards" / "copy.py").write_text(f"# {name}")
        return seal(folder, **manifest)


MakeRun = Callable[..., Run]


def run_steps(folder: Path, *, rows: int = 1200, **sections: Any) -> Run:
    """Build a project with parts of its spec replaced, and run its steps up to evaluate."""
    spec = default_spec()
    for name, section in sections.items():
        spec[name] = section if not isinstance(section, dict) else {**spec.get(name, {}), **section}
    project = load_project(build_project(folder, rows=rows, spec=spec))
    record = RunRecord(name=project.spec.name, run_id="one", as_of="2026-07-01T00:00:00Z", started=datetime.now(UTC))
    run = Run(project, RunDirectory.create(f"{project.runs}/one", record))
    # validate has its own tests, and nothing here reads what it made
    for step in BEFORE_GATE:
        done = run.step(step)
        assert done.exit_code == 0, done.reason
    return run


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """`run_steps` in a folder of the test."""
    return lambda **sections: run_steps(tmp_path / "project", **sections)


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run with slices, to be looked at and not changed."""
    slices = ["country", {"column": "amount", "ranges": [10, 30, 9000]}]
    return run_steps(tmp_path_factory.mktemp("evaluated") / "project", evaluate={"slices": slices})


@pytest.fixture
def run(evaluated: Run, tmp_path: Path) -> Run:
    """A copy of that run, with no champion."""
    project = load_project(shutil.copytree(evaluated.project.folder, tmp_path / "project"))
    return Run(project, RunDirectory(f"{project.runs}/one"))

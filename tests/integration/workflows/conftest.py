"""A project with one workflow, and a run in which split has published: what the step train needs."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from ruamel.yaml import YAML

from airflow_mlkit.data.split_record import PARTS, FeatureColumn, SamplingRecord, SplitRecord, SplitRows
from airflow_mlkit.project import Project, load_project
from airflow_mlkit.rundir import Outcome, RunDirectory, RunRecord, StepRecord
from airflow_mlkit.steps.run import run_step
from airflow_mlkit.workflows.model import Model

PACKAGE = "own"


@dataclass
class Case:
    """A frame of features with its encoded label, and what is declared of it."""

    frame: pd.DataFrame
    labels: np.ndarray
    kind: str
    classes: tuple[Any, ...] = ()
    train: dict[str, Any] = field(default_factory=dict)

    @property
    def features(self) -> tuple[FeatureColumn, ...]:
        return tuple(_feature(name, self.frame[name]) for name in self.frame.columns)


def _feature(name: str, column: pd.Series) -> FeatureColumn:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return FeatureColumn(name=name, type="category", categories=tuple(column.cat.categories))
    return FeatureColumn(name=name, type="number")


@dataclass
class Trained:
    """How the step train ended, and where."""

    project: Project
    run: RunDirectory
    record: StepRecord

    @property
    def model_folder(self) -> Path:
        return self.run.published("train").folder("model")

    @property
    def model(self) -> Model:
        return Model.load(self.model_folder)

    @property
    def log(self) -> str:
        step = self.run.root / "steps" / "train" / str(self.record.generation) / "tries" / str(self.record.try_number)
        return (step / "log.txt").read_text()


@pytest.fixture
def write_project(tmp_path: Path) -> Callable[..., Project]:
    """Write a project whose package holds one workflow, and other modules by their file names."""

    def write(
        workflow: str, case: Case, folder: str, modules: dict[str, str] | None = None, class_name: str = "Own"
    ) -> Project:
        for name, text in {
            "__init__.py": "",
            "workflow.py": textwrap.dedent(workflow).lstrip(),
            **(modules or {}),
        }.items():
            path = tmp_path / folder / PACKAGE / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        with (tmp_path / folder / "mlkit.yaml").open("w") as file:
            YAML().dump(_spec(case, class_name), file)
        return load_project(tmp_path / folder)

    return write


@pytest.fixture
def train_project() -> Callable[[Project, Case], Trained]:
    """Run the step train of a project in this process, on a split of its own."""

    def run_train(project: Project, case: Case) -> Trained:
        run = write_run(project.folder.with_name(f"{project.folder.name}-run"), case)
        return Trained(project, run, run_step("train", project, run))

    return run_train


@pytest.fixture
def train(write_project: Callable[..., Project], train_project: Callable[..., Trained]) -> Callable[..., Trained]:
    """Write a project with a workflow, train it, and hand back how it ended."""

    def write_and_train(workflow: str, case: Case, *, folder: str = "project", class_name: str = "Own") -> Trained:
        return train_project(write_project(workflow, case, folder, class_name=class_name), case)

    return write_and_train


def _spec(case: Case, class_name: str) -> dict[str, Any]:
    problem = {"kind": case.kind} | ({"positive": case.classes[1]} if case.kind == "binary" else {})
    return {
        "apiVersion": "mlkit/v1",
        "name": "own",
        "owner": "someone@example.com",
        "pattern": "batch",
        "data": {
            "source": {"path": "data.csv"},
            "features": list(case.frame.columns),
            "label": "label",
            "holdout": {"sampling": "hash"},
        },
        "validate": {"suite": "suite.json"},
        "problem": problem,
        "train": {"workflow": f"{PACKAGE}.workflow:{class_name}", "min_examples": 50} | case.train,
        "gates": [{"rows": "holdout", "at_least": 1}],
    }


def write_run(folder: Path, case: Case) -> RunDirectory:
    run = RunDirectory.create(folder, RunRecord(name="own", run_id="one", started="2026-01-01T00:00:00Z"))
    attempt = run.step("split").begin()
    cut = int(len(case.frame) * 0.9)
    _write_part(attempt.folder / "training.arrow", case, slice(0, cut))
    _write_part(attempt.folder / "validation.arrow", case, slice(cut, None))
    rows = SplitRows(training=cut, validation=len(case.frame) - cut, holdout=0)
    record = SplitRecord(
        label="label",
        kind=case.kind,
        classes=case.classes,
        features=case.features,
        rows=rows,
        class_counts={},
        content_hashes={part: part * 8 for part in PARTS},
        snapshot_hash="",
        sampling=SamplingRecord(sampling="hash", validation_fraction=0.1),
        dates={},
    )
    (attempt.folder / "split.json").write_bytes(record.to_bytes())
    ended = attempt.record(outcome=Outcome.DONE, exit_code=0, files=attempt.seal())
    attempt.end(ended)
    attempt.publish(ended)
    return run


def _write_part(path: Path, case: Case, rows: slice) -> None:
    table = pa.Table.from_pandas(case.frame.assign(label=case.labels).iloc[rows], preserve_index=False)
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)


@pytest.fixture
def payments() -> Case:
    """Two classes; a number with gaps, a category with gaps."""
    random = np.random.default_rng(5)
    amount = random.lognormal(3, 1, 400).astype("float32")
    country = pd.Categorical(random.choice(["GB", "NG", "US"], 400), categories=["GB", "NG", "US"])
    labels = ((amount > 30) ^ (random.random(400) < 0.1)).astype("int64")
    frame = pd.DataFrame(
        {"amount": np.where(random.random(400) < 0.1, np.nan, amount).astype("float32"), "country": country}
    )
    frame.loc[::17, "country"] = None
    return Case(frame, labels, "binary", ("no", "yes"), {"params": {"n_estimators": 8, "max_depth": 3}})

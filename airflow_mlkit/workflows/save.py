"""Saving a fitted estimator as a model's folder, and proving that it comes back."""

from __future__ import annotations

import json
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost

from airflow_mlkit.data.split_record import SplitRecord
from airflow_mlkit.data.trained_rows import TrainedRows
from airflow_mlkit.exceptions import WorkflowError
from airflow_mlkit.project import Project
from airflow_mlkit.rundir.canonical import hash_file
from airflow_mlkit.workflows.base import TrainingSettings
from airflow_mlkit.workflows.files import CODE_FOLDER, identify
from airflow_mlkit.workflows.fitted import fitted_columns, found_iteration, own_scores
from airflow_mlkit.workflows.libraries import library_versions
from airflow_mlkit.workflows.manifest import MANIFEST_FILE, MODEL_FILES, ModelFormat, ModelManifest
from airflow_mlkit.workflows.model import Model
from airflow_mlkit.workflows.xgboost_format import BoosterConfig, dump_booster, find_booster

PROVEN_ROWS = 10_000
"""On how many rows of the validation part the saved model and the fitted one are compared."""

MLMODEL = """\
flavors:
  python_function:
    loader_module: airflow_mlkit.workflows.mlflow_flavor
    python_version: {python}
"""


@dataclass(frozen=True)
class AdoptedRows:
    """What is known of the training of a model that was made elsewhere.

    `class_order` is that of `ModelManifest`.
    """

    trained: TrainedRows
    class_order: tuple[int, ...] | None = None


def save_model(
    folder: Path,
    estimator: Any,
    *,
    project: Project,
    settings: TrainingSettings,
    split: SplitRecord,
    adopted: AdoptedRows | None = None,
) -> Model:
    """Write a model's folder and load it again. Nothing is pickled.

    Args:
        folder: where to; made here.
        estimator: fitted and checked.
        project: whose package is packed with the model.
        settings: what the workflow was told.
        split: the rows and columns that it was trained on.
        adopted: of a model that was trained elsewhere, on other rows.

    Raises:
        WorkflowError: when the estimator holds something that cannot be saved, or its code cannot be loaded alone.
    """
    folder.mkdir(parents=True)
    booster = find_booster(estimator)
    _pack_code(project, folder / CODE_FOLDER)
    kind: ModelFormat = "skops" if booster is None else "xgboost"
    path = folder / MODEL_FILES[kind]
    path.write_bytes(_dump(estimator, booster, project))
    manifest = ModelManifest(
        format=kind,
        estimator=f"{type(estimator).__module__}.{type(estimator).__qualname__}",
        problem_kind=settings.problem_kind,
        classes=settings.classes,
        label=settings.label,
        inputs=project.spec.data.features,
        features=split.features,
        fitted_on=tuple(fitted_columns(estimator) or ()),
        workflow=project.spec.train.workflow,
        trusted_types=project.spec.train.trusted_types,
        params=dict(settings.params),
        seed=None if adopted else settings.seed,
        threads=None if adopted else settings.threads,
        device=None if adopted else _device_of(booster),
        code_hash=project.code_hash,
        model_hash=hash_file(path),
        class_order=adopted.class_order if adopted else None,
        model_id="",
        rows={} if adopted else {"training": split.rows.training, "validation": split.rows.validation},
        trained_rows=adopted.trained if adopted else TrainedRows.of(split),
        best_iteration=found_iteration(estimator),
        libraries=library_versions(project),
    )
    manifest = manifest.model_copy(update={"model_id": identify(manifest)})
    (folder / MANIFEST_FILE).write_bytes(manifest.to_bytes())
    (folder / "MLmodel").write_text(MLMODEL.format(python=platform.python_version()), encoding="utf-8")
    return Model.load(folder)


def prove(model: Model, estimator: Any, rows: pd.DataFrame, settings: TrainingSettings) -> None:
    """Compare the scores of a loaded model with those of the fitted estimator.

    Raises:
        WorkflowError: when they differ, or are not finite: what would be promoted is not what was trained.
    """
    saved, own = model.score(rows), own_scores(estimator, rows, settings)
    if not np.allclose(saved, own, rtol=1e-5, atol=1e-6):
        worst = int(np.argmax(np.abs(saved - own).reshape(len(rows), -1).max(axis=1)))
        raise WorkflowError(
            f"{model.manifest.estimator} scores differently after it was saved and loaded (row {worst}: "
            f"{own[worst]} before, {saved[worst]} after).",
            hint="Does predict() use something that was set in train() and is no fitted attribute?",
        )


def _device_of(booster: xgboost.Booster | None) -> str:
    return "cpu" if booster is None else BoosterConfig(booster).device


def _dump(estimator: Any, booster: xgboost.Booster | None, project: Project) -> bytes:
    if booster is not None:
        return dump_booster(booster)
    from airflow_mlkit.workflows.skops_format import dump_estimator

    return dump_estimator(estimator, project.spec.package, project.spec.train.trusted_types)


def _pack_code(project: Project, folder: Path) -> None:
    for name, path in project.code_files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def write_training_record(path: Path, record: dict[str, Any]) -> None:
    """Write `training.json`."""
    path.write_text(json.dumps(record, indent=2, allow_nan=False) + "\n", encoding="utf-8")

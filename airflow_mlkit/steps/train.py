"""The step train: fit the project's workflow, save the model, and prove that it comes back."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from airflow_mlkit.data.split_record import SplitRecord
from airflow_mlkit.exceptions import DataError
from airflow_mlkit.registry.kept_project import PROJECT_FOLDER, keep_project
from airflow_mlkit.registry.provenance import PROVENANCE_FILE, Provenance
from airflow_mlkit.rundir import hash_value
from airflow_mlkit.spec.pipeline import PipelineSpec
from airflow_mlkit.steps.context import StepContext, StepResult
from airflow_mlkit.workflows.base import TrainingSettings

log = logging.getLogger("airflow_mlkit")


def run(context: StepContext) -> StepResult:
    """Train a model from the split and publish its folder.

    Raises:
        DataError: when there are fewer rows than `train.min_examples`.
        WorkflowError: when the workflow raises, or does not return a fitted estimator that can be saved and scores.
    """
    split = context.input("split")
    record = SplitRecord.load(split.file("split.json"))
    refuse_too_few(record, context.spec.train.min_examples)

    # after the refusal above, which should not wait a second for them
    from airflow_mlkit.workflows.checkpoint import Checkpoint
    from airflow_mlkit.workflows.fit import fit_workflow
    from airflow_mlkit.workflows.fitted import evaluation_curve
    from airflow_mlkit.workflows.libraries import installed_distributions
    from airflow_mlkit.workflows.load import load_workflow
    from airflow_mlkit.workflows.save import PROVEN_ROWS, prove, save_model, write_training_record

    # before the user's code, which may take hours in which somebody commits
    provenance = Provenance.of(context.project, installed_distributions())
    keep_project(context.project, context.folder / PROJECT_FOLDER)
    workflow = load_workflow(context.project)
    training, validation = (read_part(split.file(f"{part}.arrow")) for part in ("training", "validation"))
    settings = settings_of(context.spec, record)
    rows = {"training": len(training), "validation": len(validation)}
    proof = (validation if len(validation) else training)[list(record.feature_names)].head(PROVEN_ROWS).copy()
    checkpoint = Checkpoint(context.attempt.checkpoints, find_fits(context))
    started = time.perf_counter()
    estimator = fit_workflow(workflow, training, validation, settings, checkpoint)
    seconds = round(time.perf_counter() - started, 3)
    model = save_model(
        context.folder / "model",
        estimator,
        project=context.project,
        settings=settings,
        split=record,
    )
    prove(model, estimator, proof, settings)
    (context.folder / PROVENANCE_FILE).write_bytes(provenance.to_bytes())
    manifest = model.manifest
    write_training_record(
        context.folder / "training.json",
        {
            "rows": rows,
            "seconds": seconds,
            "continued": checkpoint.continued.isoformat() if checkpoint.continued else None,
            "best_iteration": manifest.best_iteration,
            "curve": evaluation_curve(estimator),
        },
    )
    log.info("%s on %d rows in %.1f s: model %s", manifest.estimator, rows["training"], seconds, manifest.model_id[:12])
    if manifest.device != "cpu":
        log.info("It was trained on %s: the same inputs on a CPU may give another model id.", manifest.device)
    elif (size := context.attempt.size) and size.has_gpus:
        log.warning("It was trained on the CPU, and the size %s has GPUs: is device: cuda among the params?", size.name)
    return StepResult(_summary(rows, seconds, manifest.estimator, manifest.model_id, manifest.best_iteration))


def find_fits(context: StepContext) -> str:
    """The hash of all that a training depends on: what its step does, and the libraries that train."""
    from airflow_mlkit.workflows.libraries import library_versions

    return hash_value({"step": context.fingerprint, "libraries": library_versions(context.project)})


def refuse_too_few(record: SplitRecord, min_examples: int) -> None:
    """Stop before anything is trained on too little.

    Raises:
        DataError: when training and validation rows together are fewer than `min_examples`.
    """
    found = record.rows.training + record.rows.validation
    if found < min_examples:
        raise DataError(
            f"There should be at least {min_examples} examples, and there are {found}.",
            hint="Bring more rows, or lower train.min_examples in mlkit.yaml.",
        )


def settings_of(spec: PipelineSpec, record: SplitRecord) -> TrainingSettings:
    """What the workflow is told of the problem and of the data."""
    return TrainingSettings(
        label=record.label,
        feature_columns=record.feature_names,
        problem_kind=record.kind,
        classes=record.classes,
        categories=record.categories,
        params=spec.train.params,
        seed=spec.train.seed,
        threads=spec.train.threads,
    )


def read_part(path: Path) -> pd.DataFrame:
    """One part of the split as a plain frame that may be written to.

    The file is mapped into memory, and each column copied once, into a block of its own.
    """
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
        frame: pd.DataFrame = table.to_pandas(split_blocks=True)
        # a column of a single batch still lies in the mapped file, where a user's code could not write to it
        return frame.copy() if table.num_rows and table.column(0).num_chunks == 1 else frame


def _summary(
    rows: dict[str, int], seconds: float, estimator: str, model_id: str, best_iteration: int | None
) -> dict[str, Any]:
    return {
        "rows": rows["training"],
        "validation_rows": rows["validation"],
        "seconds": seconds,
        "estimator": estimator.rpartition(".")[2],
        "model_id": model_id,
        "best_iteration": best_iteration,
    }

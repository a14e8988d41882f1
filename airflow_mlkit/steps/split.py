"""split: from the snapshot to training, validation and holdout, with the project's `features()` applied."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from airflow_mlkit.data.part_sample import write_sample
from airflow_mlkit.data.split import split_snapshot
from airflow_mlkit.data.split_record import PARTS, SplitRecord
from airflow_mlkit.steps.context import StepContext, StepResult
from airflow_mlkit.workflows.features import apply_features
from airflow_mlkit.workflows.load import load_workflow


def run(context: StepContext) -> StepResult:
    """Cut the snapshot into its parts and say what they are in split.json.

    Raises:
        SplitError: when a part would be empty.
        DataError: when labels, dates or keys cannot be used.
        WorkflowError: when `features()` cannot be used.
    """
    extract = context.input("extract")
    record = split_snapshot(
        extract.file("snapshot.parquet"),
        context.folder,
        data=context.spec.data,
        problem=context.spec.problem,
        make_features=partial(apply_features, load_workflow(context.project)),
        snapshot_hash=json.loads(extract.file("snapshot.json").read_bytes())["content_hash"],
        as_of=context.as_of,
    )
    for part in PARTS:
        write_sample(context.folder, part)
    (context.folder / "split.json").write_bytes(record.to_bytes())
    return StepResult(summary=_summary(record))


def _summary(record: SplitRecord) -> dict[str, Any]:
    classes = {
        str(value): dict(zip(PARTS, (record.class_counts[part][code] for part in PARTS), strict=True))
        for code, value in enumerate(record.classes)
    }
    return {
        "rows": record.rows.model_dump(),
        "features": len(record.features),
        "holdout_hash": record.content_hashes["holdout"],
        **({"classes": classes} if classes else {}),
        **(
            {"holdout_dates": [moment.isoformat() for moment in record.dates["holdout"]]}
            if "holdout" in record.dates
            else {}
        ),
    }

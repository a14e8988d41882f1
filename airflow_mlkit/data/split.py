"""From a snapshot to training, validation and holdout: streaming, with `features()` applied batch by batch.

The project's code sees the rows of one part at a time, so that not even a mean over a batch carries anything from the
holdout into training. It runs once for each row; what it returns waits on disk until the category lists are known.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from airflow_mlkit.data.assignment import Assignment
from airflow_mlkit.data.content_hash import ContentHash
from airflow_mlkit.data.feature_columns import CATEGORY, NUMBER, FeatureColumns
from airflow_mlkit.data.frame import to_frame
from airflow_mlkit.data.holdout import assign_parts, find_dates
from airflow_mlkit.data.labels import EncodedLabels, check_classes_can_be_learned, encode_labels, is_unlabelled
from airflow_mlkit.data.snapshot_batches import BATCH_ROWS, read_batches
from airflow_mlkit.data.split_record import PARTS, FeatureColumn, Part, SplitRecord
from airflow_mlkit.data.spool import Spool
from airflow_mlkit.spec.data import DataSpec
from airflow_mlkit.spec.pipeline import Problem

log = logging.getLogger("airflow_mlkit.split")

MakeFeatures = Callable[[pd.DataFrame], pd.DataFrame]


def split_snapshot(
    snapshot: Path,
    folder: Path,
    *,
    data: DataSpec,
    problem: Problem,
    make_features: MakeFeatures,
    snapshot_hash: str,
    as_of: datetime | None = None,
    batch_rows: int = BATCH_ROWS,
) -> SplitRecord:
    """Cut a snapshot into its parts and write them.

    Args:
        snapshot: snapshot.parquet.
        folder: where training.arrow, validation.arrow, holdout.arrow and holdout_raw.parquet go.
        data: features, label, date column and holdout, as declared.
        problem: the kind of problem, which says how the label is encoded.
        make_features: from raw rows to feature columns; called with rows of one part.
        snapshot_hash: the content hash of the snapshot, to be recorded.
        as_of: the run's moment.
        batch_rows: how many rows are in memory at a time.

    Raises:
        SplitError: when a part would be empty.
        DataError: when labels, dates or keys cannot be used.
        WorkflowError: when the feature columns cannot be trained on.
    """
    label = pq.read_table(snapshot, columns=[data.label]).column(data.label)
    assignment = assign_parts(snapshot, data, is_unlabelled(label), as_of)
    labels = encode_labels(data.label, label, assignment.used, problem)
    check_classes_can_be_learned(labels, assignment)
    del label
    with tempfile.TemporaryDirectory(prefix=".spool-", dir=folder) as scratch:
        columns = FeatureColumns(data.label)
        encode = partial(_encode, columns=columns, names=data.features, make_features=make_features)
        pieces = _parts_of_batches(snapshot, assignment, batch_rows)
        spools, hashes = _apply_features(pieces, pq.read_schema(snapshot), folder, Path(scratch), encode)
        features = columns.features()
        for name in columns.without_values:
            log.warning("%r has no value in any training row; the model cannot learn from it", name)
        for part in PARTS:
            codes = labels.codes[assignment.rows(part)]
            _write_part(folder / f"{part}.arrow", _unified(spools[part], columns, features), features, labels, codes)
    return SplitRecord(
        label=data.label,
        kind=labels.kind,
        classes=labels.classes,
        features=features,
        rows=assignment.count(),
        class_counts={part: labels.counts(assignment.rows(part)) for part in PARTS},
        content_hashes=hashes,
        snapshot_hash=snapshot_hash,
        sampling=assignment.sampling,
        dates=find_dates(snapshot, data.date_column, assignment),
    )


def _encode(
    part: Part, rows: pa.RecordBatch, *, columns: FeatureColumns, names: tuple[str, ...], make_features: MakeFeatures
) -> pa.RecordBatch:
    return columns.encode(make_features(to_frame(rows.select(names))), is_training=part == "training")


def _apply_features(
    pieces: Iterator[tuple[Part, pa.RecordBatch]],
    schema: pa.Schema,
    folder: Path,
    scratch: Path,
    encode: Callable[[Part, pa.RecordBatch], pa.RecordBatch],
) -> tuple[dict[Part, Spool], dict[Part, str]]:
    """One pass over the raw rows: hash them, keep those of the holdout, and put their features aside."""
    hashes = {part: ContentHash(schema) for part in PARTS}
    with ExitStack() as stack:
        spools = {part: stack.enter_context(Spool(scratch / part)) for part in PARTS}
        raw = stack.enter_context(pq.ParquetWriter(folder / "holdout_raw.parquet", schema, compression="zstd"))
        for part, batch in pieces:
            hashes[part].update(batch)
            if part == "holdout":
                raw.write_batch(batch)
            spools[part].append(encode(part, batch))
    return spools, {part: content.hexdigest() for part, content in hashes.items()}


def _parts_of_batches(snapshot: Path, assignment: Assignment, batch_rows: int) -> Iterator[tuple[Part, pa.RecordBatch]]:
    """The rows of each batch, part by part; rows that are in no part are never shown to the project's code."""
    start = 0
    for batch in read_batches(snapshot, batch_rows=batch_rows):
        codes = assignment.codes[start : start + len(batch)]
        start += len(batch)
        for code, part in enumerate(PARTS):
            rows = batch.filter(pa.array(codes == code))
            if len(rows):
                yield part, rows


def _unified(spool: Spool, columns: FeatureColumns, features: tuple[FeatureColumn, ...]) -> Iterator[list[pa.Array]]:
    return (columns.unify(batch, features) for batch in spool)


def _write_part(
    path: Path,
    batches: Iterator[list[pa.Array]],
    features: tuple[FeatureColumn, ...],
    labels: EncodedLabels,
    codes: npt.NDArray[Any],
) -> None:
    schema = _schema(features, labels)
    start = 0
    with pa.ipc.new_file(str(path), schema) as writer:
        for arrays in batches:
            rows = len(arrays[0])
            writer.write_batch(pa.record_batch([*arrays, pa.array(codes[start : start + rows])], schema=schema))
            start += rows


def _schema(features: tuple[FeatureColumn, ...], labels: EncodedLabels) -> pa.Schema:
    types = {feature.name: CATEGORY if feature.type == "category" else NUMBER for feature in features}
    return pa.schema([*types.items(), (labels.name, labels.type)])

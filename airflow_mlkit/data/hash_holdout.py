"""A holdout of a share of the entities, decided for ever by the hash of a key."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from airflow_mlkit.data.assignment import (
    HOLDOUT,
    TRAINING,
    UNLABELLED,
    VALIDATION,
    VALIDATION_FRACTION,
    Assignment,
    Mask,
)
from airflow_mlkit.data.key_hash import hash_keys, is_below, key_texts, kind_of_key, missing
from airflow_mlkit.data.snapshot_batches import read_batches
from airflow_mlkit.data.split_record import SamplingRecord
from airflow_mlkit.exceptions import DataError
from airflow_mlkit.spec.data import DataSpec, HashHoldout


def assign_by_hash(snapshot: Path, unlabelled: Mask, data: DataSpec, holdout: HashHoldout) -> Assignment:
    """Assign each row by its key alone: other rows, their order and their number change nothing.

    Args:
        snapshot: the parquet file with the key's columns.
        unlabelled: which rows have no label; they are in no part.
        data: what a row without a declared key is told apart by.
        holdout: key, fraction and salt.

    Raises:
        DataError: when a row's key is missing.
    """
    key = holdout.key_columns or row_columns(data)
    codes, absent = [np.empty(0, np.int8)], [np.empty(0, np.bool_)]
    for batch in read_batches(snapshot, key):
        codes.append(_assign(key_texts([batch.column(name) for name in key]), holdout))
        absent.append(_lacks_key(batch, holdout.key_columns))
    _refuse_missing_keys(np.concatenate(absent), holdout.key_columns)
    assigned = np.concatenate(codes)
    assigned[unlabelled] = UNLABELLED
    return Assignment(assigned, _describe(snapshot, key, holdout))


def row_columns(data: DataSpec) -> tuple[str, ...]:
    """What tells rows apart where no key is declared: the features and the date, so that duplicates stay together.

    The label is not among them: two rows that differ in nothing else would tell each other's answer.
    """
    return tuple(dict.fromkeys(name for name in (*data.features, data.date_column) if name))


def _assign(texts: pa.Array, holdout: HashHoldout) -> npt.NDArray[np.int8]:
    hashes = hash_keys(texts, holdout.salt)
    codes = np.full(len(texts), TRAINING, dtype=np.int8)
    codes[is_below(hashes[:, 1], VALIDATION_FRACTION)] = VALIDATION
    codes[is_below(hashes[:, 0], holdout.fraction)] = HOLDOUT
    return codes


def _lacks_key(batch: pa.RecordBatch, key: tuple[str, ...]) -> Mask:
    absent = np.zeros(len(batch), dtype=np.bool_)
    for name in key:
        absent |= missing(batch.column(name)).to_numpy(zero_copy_only=False)
    return absent


def _refuse_missing_keys(absent: Mask, key: tuple[str, ...]) -> None:
    if absent.any():
        raise DataError(
            f"{int(absent.sum()):,} of {len(absent):,} rows have no {' and '.join(key)}, which is the holdout's key; "
            f"the first one is row {int(np.argmax(absent)) + 1} of the snapshot.",
            hint="Fill it at the source, leave these rows out with data.filters (predicate: NotNull), or choose "
            "another key under data.holdout in mlkit.yaml.",
        )


def _describe(snapshot: Path, key: tuple[str, ...], holdout: HashHoldout) -> SamplingRecord:
    schema = pq.read_schema(snapshot)
    return SamplingRecord(
        sampling="hash",
        key=key,
        key_kinds=tuple(kind_of_key(schema.field(name).type) for name in key),
        fraction=holdout.fraction,
        salt=holdout.salt,
        validation_fraction=VALIDATION_FRACTION,
    )

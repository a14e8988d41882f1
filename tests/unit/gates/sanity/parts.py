"""Parts of a split made of arrays, for the tests of the sanity checks."""

from __future__ import annotations

from typing import Any

import numpy as np

from airflow_mlkit.data.split_record import FeatureColumn
from airflow_mlkit.gates.sanity.split_parts import Part, SplitParts


def build_parts(
    training: dict[str, Any],
    validation: dict[str, Any],
    holdout: dict[str, Any],
    *,
    label: str = "y",
    entities: int | None = None,
) -> SplitParts:
    """Parts of columns by name; whole numbers are codes of categories, and one column is the label."""
    parts = [_build_part(columns, label) for columns in (training, validation, holdout)]
    features = tuple(
        FeatureColumn(name=name, type="number" if values.dtype.kind == "f" else "category")
        for name, values in parts[0].features.items()
    )
    return SplitParts(features, *parts, entities=len(parts[2]) if entities is None else entities)


def _build_part(columns: dict[str, Any], label: str) -> Part:
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    features = {
        name: values.astype(np.float32 if values.dtype.kind == "f" else np.int32)
        for name, values in arrays.items()
        if name != label
    }
    rows = len(next(iter(arrays.values())))
    return Part(arrays.get(label, np.zeros(rows, dtype=np.int64)), features)

"""The rows that the checks look at: labels and features of one part of the split, as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_mlkit.data.split_record import FeatureColumn

Values = NDArray[Any]
"""A feature: numbers with NaN where they are missing, or codes of its categories with -1."""


@dataclass(frozen=True)
class Part:
    """Training, validation or holdout rows.

    Attributes:
        labels: encoded as in split.json, shape (n,).
        features: for each feature its values, shape (n,); they may be read only when they are asked for.
    """

    labels: NDArray[Any]
    features: Mapping[str, Values]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class SplitParts:
    """What a model was trained on, stopped by, and judged on.

    Attributes:
        columns: the features in their order.
        validation: may have no row.
        entities: how many independent rows the holdout amounts to: its distinct keys or groups where rows belong to
            some, else its rows.
    """

    columns: tuple[FeatureColumn, ...]
    training: Part
    validation: Part
    holdout: Part
    entities: int

    @property
    def independent_share(self) -> float:
        """Independent rows per row of the holdout, in (0, 1]."""
        return min(1.0, self.entities / max(len(self.holdout), 1))


def missing(values: Values) -> NDArray[np.bool_]:
    """Where a feature has no value."""
    return np.isnan(values) if values.dtype.kind == "f" else values < 0

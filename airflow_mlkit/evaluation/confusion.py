"""The confusion matrix as rows of a table: which class was taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_mlkit.evaluation.metrics import count_confusion

MOST_CLASSES = 15


@dataclass(frozen=True)
class ConfusionTable:
    """`rows` holds for each true class its name and, for each predicted class, the count and its share of the row.

    `left_out` is the number of the rarer classes that are not shown.
    """

    names: list[str]
    rows: list[tuple[str, list[tuple[int, float]]]]
    left_out: int


def tabulate_confusion(
    labels: NDArray[Any], scores: NDArray[Any], classes: Sequence[Any], threshold: float
) -> ConfusionTable:
    """Count which class was taken for which, for the most frequent classes.

    Args:
        labels: encoded, shape (n,).
        scores: shape (n,) for two classes, (n, k) for more.
        classes: the label's values in the order of their codes.
        threshold: from which score on a binary row counts as positive.
    """
    predicted = scores.argmax(axis=1) if scores.ndim == 2 else (scores >= threshold).astype(np.int64)
    counts = count_confusion(labels, predicted, len(classes))
    of_class = counts.sum(axis=1)
    shown = np.sort(np.argsort(-of_class, kind="stable")[:MOST_CLASSES])
    names = [str(classes[k]) for k in shown]
    rows = [
        (str(classes[k]), [(int(counts[k, j]), float(counts[k, j] / max(of_class[k], 1))) for j in shown])
        for k in shown
    ]
    return ConfusionTable(names, rows, len(classes) - len(shown))

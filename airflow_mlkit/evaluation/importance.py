"""How much a model relies on each column: what shuffling the column costs it on the holdout (Breiman 2001).

One method for every kind of model, so that the numbers of two models can be compared; an own importance of a library
(the gain of XGBoost, the coefficients of a linear model) would say something else for each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from airflow_mlkit.evaluation.metrics import compute_metrics
from airflow_mlkit.spec.metrics import ProblemKind

MOST_ROWS = 2_000
MOST_COLUMNS = 200
MOST_SECONDS = 3.0
_ROWS_AT_ONCE = 50_000

COST: dict[str, str] = {"binary": "log_loss", "multiclass": "log_loss", "regression": "rmse"}
"""The metric whose growth is the importance: it sees small changes of a score, which a ranking does not."""


def measure_importance(
    score: Callable[[pd.DataFrame], NDArray[Any]],
    frame: pd.DataFrame,
    labels: NDArray[Any],
    kind: ProblemKind,
    seed: int,
) -> dict[str, float] | None:
    """The growth of the cost when one column is shuffled, for each column; None where it would take too long.

    Args:
        score: of the model. It is called with many shuffled copies at once, since a call costs more than its rows.
        frame: the holdout's features.
        labels: encoded, shape (n,).
        kind: of problem.
        seed: of the rows that are taken and of the shuffle.
    """
    random = np.random.default_rng(seed)
    rows = np.sort(random.permutation(len(frame))[:MOST_ROWS])
    sample, truth = frame.iloc[rows].reset_index(drop=True), labels[rows]
    started = time.perf_counter()
    base = compute_metrics(kind, truth, score(sample))[COST[kind]]
    too_long = (time.perf_counter() - started) * sample.shape[1] > MOST_SECONDS
    if base is None or too_long or sample.shape[1] > MOST_COLUMNS:
        return None
    return {
        name: (compute_metrics(kind, truth, scores)[COST[kind]] or base) - base
        for name, scores in _score_shuffled(score, sample, random.permutation(len(sample)))
    }


def _score_shuffled(
    score: Callable[[pd.DataFrame], NDArray[Any]], sample: pd.DataFrame, order: NDArray[np.int64]
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Each column's name with the scores of the rows in which this one column is shuffled."""
    rows, names = len(sample), [str(name) for name in sample.columns]
    step = max(1, _ROWS_AT_ONCE // rows)
    for first in range(0, len(names), step):
        some = names[first : first + step]
        scores = score(_stack_shuffled(sample, some, order))
        for position, name in enumerate(some):
            yield name, scores[position * rows : (position + 1) * rows]


def _stack_shuffled(sample: pd.DataFrame, shuffled: list[str], order: NDArray[np.int64]) -> pd.DataFrame:
    """One copy of the sample for each shuffled column, one below the other."""
    rows = len(sample)
    positions = {name: np.tile(np.arange(rows), len(shuffled)) for name in sample.columns}
    for block, name in enumerate(shuffled):
        positions[name][block * rows : (block + 1) * rows] = order
    return pd.DataFrame({name: sample[name].array.take(positions[name]) for name in sample.columns})

"""How much a model relies on each column: what shuffling the column costs it on the holdout (Breiman 2001).

One method for every kind of model, so that the numbers of two models can be compared; an own importance of a library
(the gain of XGBoost, the coefficients of a linear model) would say something else for each.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from airflow_mlkit.evaluation.metrics import compute_metrics
from airflow_mlkit.spec.metrics import ProblemKind

MOST_ROWS = 2_000
MOST_COLUMNS = 200
MOST_SECONDS = 5.0

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
        score: of the model, called once for each column with at most `MOST_ROWS` rows.
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
    order = random.permutation(len(sample))
    found = {}
    for name in sample.columns:
        shuffled = sample.assign(**{name: sample[name].take(order).set_axis(sample.index)})
        found[str(name)] = (compute_metrics(kind, truth, score(shuffled))[COST[kind]] or base) - base
    return found

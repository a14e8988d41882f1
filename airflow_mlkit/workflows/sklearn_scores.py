"""Scores of a scikit-learn estimator, on one thread so that they are the same every time."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
from sklearn.base import is_regressor

from airflow_mlkit.spec.metrics import ProblemKind


def score_estimator(
    estimator: Any, rows: pd.DataFrame, kind: ProblemKind, classes: int, class_order: Sequence[int] | None = None
) -> np.ndarray:
    """Probabilities or predictions of a fitted estimator.

    A forest adds its trees up in the order in which its threads end, so each nested estimator runs on one.

    Args:
        estimator: fitted on encoded labels, or on others in the order that `class_order` says.
        rows: the columns that it was fitted on.
        kind: of the problem. A regressor for a binary problem scores with its prediction, clipped to 0 and 1.
        classes: how many classes the problem has.
        class_order: the code of each class that the estimator gives; its own classes are codes when not given.

    Returns:
        (n,) for binary and regression, (n, classes) for multiclass; float64.
    """
    with joblib.parallel_config(backend="sequential"), warnings.catch_warnings():
        # a model that was fitted on arrays is given the same columns with their names
        warnings.filterwarnings("ignore", message="X has feature names")
        if kind == "regression" or is_regressor(estimator):
            predictions = np.asarray(estimator.predict(rows), dtype=np.float64).reshape(len(rows))
            return np.clip(predictions, 0, 1) if kind == "binary" else predictions
        found = np.asarray(estimator.predict_proba(rows), dtype=np.float64)
    codes = np.asarray(estimator.classes_ if class_order is None else class_order, dtype=int)
    return _by_class(found, codes, kind, classes)


def _by_class(found: np.ndarray, codes: np.ndarray, kind: ProblemKind, classes: int) -> np.ndarray:
    """Columns in the order of all classes; one that no training row had gets the probability 0."""
    probabilities = np.zeros((len(found), classes))
    probabilities[:, codes] = found
    return probabilities[:, 1] if kind == "binary" else probabilities

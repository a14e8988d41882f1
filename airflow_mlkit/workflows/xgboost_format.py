"""XGBoost's own format: the booster's bytes, and the scores that it gives from them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost

from airflow_mlkit.exceptions import ModelError
from airflow_mlkit.spec.metrics import ProblemKind


def find_booster(estimator: Any) -> xgboost.Booster | None:
    """The booster of XGBoost's own estimators; None for everything else, a user's subclass of them included."""
    if isinstance(estimator, xgboost.Booster):
        return estimator
    if isinstance(estimator, xgboost.XGBModel) and type(estimator).__module__.startswith("xgboost."):
        return estimator.get_booster()
    return None


def dump_booster(booster: xgboost.Booster) -> bytes:
    """A booster in UBJSON. The same trees give the same bytes: what scikit-learn's wrapper may add is left out."""
    booster.set_attr(scikit_learn=None)
    return bytes(booster.save_raw("ubj"))


def load_booster(path: Path) -> xgboost.Booster:
    """The booster of a `model.ubj`.

    Raises:
        ModelError: when the file is not there or damaged.
    """
    try:
        return xgboost.Booster(model_file=bytearray(path.read_bytes()))
    except FileNotFoundError:
        raise ModelError(f"{path} is not there.") from None
    except xgboost.core.XGBoostError as error:
        raise ModelError(f"{path} cannot be loaded: {str(error).strip().splitlines()[0]}") from error


class BoosterConfig:
    """What a booster says of how it was made."""

    def __init__(self, booster: xgboost.Booster) -> None:
        learner = json.loads(booster.save_config())["learner"]
        self.objective: str = learner["objective"]["name"]
        self.classes = int(learner["learner_model_param"]["num_class"])
        self.targets = int(learner["learner_model_param"].get("num_target", "1"))
        self.is_linear: bool = learner["gradient_booster"]["name"] == "gblinear"
        self.device: str = learner["generic_param"].get("device", "cpu")


def best_iteration(booster: xgboost.Booster) -> int | None:
    """The round at which early stopping found the best score; None without early stopping."""
    found = booster.attr("best_iteration")
    return int(found) if found is not None else None


def score_booster(
    booster: xgboost.Booster, rows: pd.DataFrame, kind: ProblemKind, class_order: Sequence[int] | None = None
) -> np.ndarray:
    """Probabilities or predictions of a booster, with the rounds up to its best one.

    Args:
        booster: fitted on encoded labels, or on others in the order that `class_order` says.
        rows: the columns that it was fitted on; Categorical ones with the lists that it was fitted on.
        kind: of the problem. An objective that is not a classifier's scores a binary problem with its prediction,
            clipped to 0 and 1.
        class_order: the code of each class that the booster gives, where that is not the order of the codes.

    Returns:
        (n,) for binary and regression, (n, classes) for multiclass; float64.
    """
    config, best = BoosterConfig(booster), best_iteration(booster)
    named = booster.feature_names is not None
    matrix = xgboost.DMatrix(rows if named else rows.to_numpy(), enable_categorical=True)
    softmax = config.objective == "multi:softmax"  # whose plain prediction is the class's code
    rounds = (0, 0) if best is None or config.is_linear else (0, best + 1)
    found: np.ndarray = booster.predict(matrix, iteration_range=rounds, output_margin=softmax)
    scores: np.ndarray = (_softmax(found) if softmax else found).astype(np.float64)
    if kind == "binary":
        scores = (scores if scores.ndim == 1 else scores[:, 1]).clip(0, 1)
    if class_order is None or kind == "regression":
        return scores
    if kind == "binary":
        return scores if class_order[1] == 1 else 1 - scores
    return scores[:, np.argsort(class_order)]


def _softmax(margins: np.ndarray) -> np.ndarray:
    powers = np.exp(margins - margins.max(axis=1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return probabilities

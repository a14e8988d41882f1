"""What `train` may return: the checks, each of which ends in a sentence that says what to write instead."""

from __future__ import annotations

import inspect
import logging
from typing import Any

import numpy as np
import pandas as pd
import xgboost
from sklearn.base import is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from airflow_mlkit.exceptions import WorkflowError
from airflow_mlkit.workflows.base import TrainingSettings
from airflow_mlkit.workflows.sklearn_scores import score_estimator
from airflow_mlkit.workflows.xgboost_format import BoosterConfig, best_iteration, find_booster, score_booster

log = logging.getLogger("airflow_mlkit")

_BINARY = "binary:logistic"


def check_fitted(found: Any, settings: TrainingSettings) -> Any:
    """The estimator that `train` returned, out of a pipeline that does nothing but hold it.

    Raises:
        WorkflowError: when it is None, a class, unfitted, of the wrong kind, or fitted on other columns or classes.
    """
    _check_is_estimator(found)
    estimator = _unwrap(found)
    _check_is_fitted(estimator)
    _check_columns(estimator, settings)
    if (booster := find_booster(estimator)) is not None:
        _check_booster(estimator, booster, settings)
    else:
        _check_kind(estimator, settings)
    return estimator


def fitted_columns(estimator: Any) -> list[str] | None:
    """The names of the columns that an estimator was fitted on; None when it was given arrays without names."""
    booster = find_booster(estimator)
    names = booster.feature_names if booster is not None else getattr(estimator, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def own_scores(estimator: Any, frame: pd.DataFrame, settings: TrainingSettings) -> np.ndarray:
    """Scores by the estimator's own public methods, as its author would call them."""
    rows = frame[fitted_columns(estimator) or list(settings.feature_columns)]
    if isinstance(estimator, xgboost.Booster):
        return score_booster(estimator, rows, settings.problem_kind)
    return score_estimator(estimator, rows, settings.problem_kind, len(settings.classes))


def evaluation_curve(estimator: Any) -> dict[str, dict[str, list[float | None]]]:
    """The metric of each round for each evaluation set, where the estimator kept them."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(last, xgboost.XGBModel):
        return {}
    found = getattr(last, "evals_result_", None) or {}
    return {
        name: {metric: [float(v) if np.isfinite(v) else None for v in values] for metric, values in curves.items()}
        for name, curves in found.items()
    }


def found_iteration(estimator: Any) -> int | None:
    """The round at which early stopping ended, counted from 0; None without early stopping."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    booster = find_booster(last)
    return best_iteration(booster) if booster is not None else None


def _check_is_estimator(found: Any) -> None:
    if found is None:
        raise WorkflowError("train() returned None.", hint="End it with: return model")
    if inspect.isclass(found):
        raise WorkflowError(f"train() returned the class {found.__name__}.", hint="Return a fitted instance of it.")
    if not isinstance(found, xgboost.Booster) and not hasattr(found, "predict"):
        raise WorkflowError(
            f"train() returned a {type(found).__name__}, which has no predict().",
            hint="Return a fitted estimator of XGBoost or scikit-learn.",
        )


def _unwrap(estimator: Any) -> Any:
    while isinstance(estimator, Pipeline) and len(estimator.steps) == 1:
        estimator = estimator.steps[0][1]
    return estimator


def _check_is_fitted(estimator: Any) -> None:
    try:
        if isinstance(estimator, xgboost.Booster):
            fitted = estimator.num_boosted_rounds() > 0
        else:
            check_is_fitted(estimator)
            fitted = True
    except (NotFittedError, TypeError, xgboost.core.XGBoostError):
        fitted = False
    if not fitted:
        raise WorkflowError(
            f"train() returned a {type(estimator).__name__} that is not fitted.", hint="Call fit() before returning it."
        )


def _check_columns(estimator: Any, settings: TrainingSettings) -> None:
    names, features = fitted_columns(estimator), list(settings.feature_columns)
    if names is None:
        _check_width(estimator, settings)
    elif settings.label in names:
        raise WorkflowError(
            f"the model was fitted on its own label {settings.label!r}.",
            hint="Fit it on training_dataframe[self.feature_columns].",
        )
    elif unknown := [name for name in names if name not in features]:
        raise WorkflowError(
            f"the model was fitted on columns that train() made: {', '.join(map(repr, unknown[:8]))}.",
            hint="Make them in features(), or in a scikit-learn pipeline, so that scoring has them too.",
        )


def _check_width(estimator: Any, settings: TrainingSettings) -> None:
    booster = find_booster(estimator)
    width = booster.num_features() if booster is not None else getattr(estimator, "n_features_in_", None)
    if width is not None and (width != len(settings.feature_columns) or settings.categories):
        raise WorkflowError(
            f"the model was fitted on {width} columns without names.",
            hint="Fit it on training_dataframe[self.feature_columns], a DataFrame.",
        )


def _check_booster(estimator: Any, booster: xgboost.Booster, settings: TrainingSettings) -> None:
    config, kind = BoosterConfig(booster), settings.problem_kind
    name = f"{type(estimator).__name__} with objective {config.objective}"
    missing = getattr(estimator, "missing", np.nan)
    if not np.isnan(missing):
        raise WorkflowError(
            f"{type(estimator).__name__}(missing={missing}): missing values are NaN here; leave it out."
        )
    if kind != "regression" and callable(getattr(estimator, "objective", None)):
        raise WorkflowError("a custom objective gives no probabilities.", hint=f"Take an objective such as {_BINARY}.")
    if config.targets > 1:
        raise WorkflowError(f"the model predicts {config.targets} targets at once; there is one label.")
    if kind == "regression" and config.objective.startswith(("binary:", "multi:")):
        raise _wrong_kind(name, kind, "reg:squarederror")
    if kind == "binary" and not (config.objective.startswith((_BINARY, "reg:")) or config.classes == 2):
        raise _wrong_kind(name, kind, _BINARY)
    if kind == "binary" and config.objective.startswith("reg:"):
        _say_clipped(name)
    if kind == "multiclass" and not config.objective.startswith("multi:"):
        raise _wrong_kind(name, kind, "multi:softprob")
    if kind == "multiclass" and config.classes != len(settings.classes):
        raise WorkflowError(
            f"the model was fitted for {config.classes} classes; the label has {len(settings.classes)}."
        )


def _check_kind(estimator: Any, settings: TrainingSettings) -> None:
    kind, name = settings.problem_kind, type(estimator).__name__
    if kind == "regression":
        if is_classifier(estimator):
            raise _wrong_kind(name, kind, "a regressor")
        return
    if kind == "binary" and is_regressor(estimator):
        _say_clipped(name)
        return
    if not hasattr(estimator, "predict_proba"):
        raise WorkflowError(
            f"{name} gives no probabilities: it has no predict_proba().",
            hint="Take another classifier, or wrap it in sklearn.calibration.CalibratedClassifierCV.",
        )
    _check_classes(estimator, settings)


def _say_clipped(name: str) -> None:
    log.info("A %s predicts a number: its scores are clipped to 0 and 1, and need not be probabilities.", name)


def _check_classes(estimator: Any, settings: TrainingSettings) -> None:
    found, count = np.asarray(getattr(estimator, "classes_", [])).tolist(), len(settings.classes)
    whole = all(isinstance(code, (int, float)) and float(code).is_integer() for code in found)
    if not found or not whole or not all(0 <= code < count for code in found):
        raise WorkflowError(
            f"the model was fitted on the classes {found[:12]}; the label's codes are 0 to {count - 1}.",
            hint=f"Fit it on training_dataframe[self.label] as it is: {settings.label!r} is encoded already.",
        )
    if settings.problem_kind == "binary" and len(found) < 2:
        raise WorkflowError(f"the model was fitted on one class only ({settings.classes[int(found[0])]!r}).")


def _wrong_kind(name: str, kind: str, wanted: str) -> WorkflowError:
    return WorkflowError(f"train() returned a {name}, and the problem is {kind}.", hint=f"Take {wanted}.")

"""Whether a model that was made elsewhere answers a project's question: its kind, its classes, its features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from xgboost import Booster

from airflow_mlkit.data.split_record import FeatureColumn, SplitRecord
from airflow_mlkit.exceptions import UserError
from airflow_mlkit.spec.metrics import ProblemKind
from airflow_mlkit.spec.values import Scalar
from airflow_mlkit.workflows.fitted import fitted_columns
from airflow_mlkit.workflows.xgboost_format import BoosterConfig, find_booster

_SHOWN, _BINARY = 12, 2


@dataclass(frozen=True)
class ForeignFit:
    """How a model's own columns and classes are those of the project.

    Attributes:
        features: the project's, with the lists of categories that the model knows.
        class_order: for each class that the model gives, in its order, the code in the project; None where that is the
            order of the codes.
        notes: what was taken for granted, as sentences.
    """

    features: tuple[FeatureColumn, ...]
    class_order: tuple[int, ...] | None = None
    notes: tuple[str, ...] = ()


def fit_to_project(estimator: Any, split: SplitRecord, classes: Sequence[str] = ()) -> ForeignFit:
    """See that a model can be asked what the project asks.

    Args:
        estimator: a booster, or a fitted scikit-learn estimator.
        split: of the project's data, its features made by the project's code.
        classes: the label's values in the order in which the model gives them, where somebody said so.

    Raises:
        UserError: when it is of another kind of problem, of other classes, or was fitted on other features: names them.
    """
    names = refuse_misfit(estimator, split.kind, split.label, split.feature_names)
    booster = find_booster(estimator)
    features = _match_features(names, booster, split) if booster is not None else split.features
    if split.kind == "regression":
        return ForeignFit(features)
    order, notes = _order_classes(estimator, booster, split, classes)
    return ForeignFit(features, order, notes)


def refuse_misfit(estimator: Any, kind: ProblemKind, label: str, known: Sequence[str] | None) -> list[str]:
    """See as much of it as can be seen without any row.

    Args:
        estimator: a booster, or a scikit-learn estimator.
        kind: of the project's problem.
        label: the column that the project tells.
        known: the columns that the project's features() gives; None where that is not known yet.

    Returns:
        The columns that it was fitted on.

    Raises:
        UserError: when it is not fitted, of another kind of problem, or was fitted on other columns: names them.
    """
    _check_fitted(estimator)
    booster = find_booster(estimator)
    _check_kind(estimator, booster, kind, label)
    return _find_columns(estimator, label, known)


def _check_fitted(estimator: Any) -> None:
    if isinstance(estimator, Booster):
        return
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        raise UserError(f"It is a {type(estimator).__name__} that is not fitted.") from None


def _check_kind(estimator: Any, booster: Booster | None, kind: ProblemKind, label: str) -> None:
    name = type(estimator).__name__
    if booster is not None:
        config = BoosterConfig(booster)
        name = f"booster with the objective {config.objective}"
        is_class = config.objective.startswith(("binary:", "multi:"))
        if config.targets > 1:
            raise UserError(f"It predicts {config.targets} targets at once, and there is one label, {label!r}.")
        if config.objective == "binary:hinge":
            raise UserError(f"It is a {name}, which gives no probabilities.")
    else:
        is_class = is_classifier(estimator) or not is_regressor(estimator)
        if is_class and kind != "regression" and not hasattr(estimator, "predict_proba"):
            raise UserError(f"It is a {name}, which gives no probabilities: it has no predict_proba().")
    if is_class == (kind == "regression"):
        made = "a classifier" if is_class else "a regression model"
        raise UserError(f"It is {made} ({name}), and the problem in mlkit.yaml is {kind}.")
    if kind == "binary" and len(given := _given_classes(estimator, booster)) != _BINARY:
        raise UserError(
            f"It tells {len(given)} classes apart ({_list(given)}), and the problem in mlkit.yaml is binary: two of "
            f"{label!r}."
        )


def _find_columns(estimator: Any, label: str, known: Sequence[str] | None) -> list[str]:
    names = fitted_columns(estimator)
    if names is None:
        raise UserError(
            "It does not say on which columns it was fitted, so nobody can tell which value goes where.",
            hint="Fit it on a DataFrame, or give its booster feature_names, and log it anew.",
        )
    if label in names:
        raise UserError(f"It was fitted on the label {label!r} itself.")
    if known is not None and (unknown := [name for name in names if name not in known]):
        raise UserError(
            f"It was fitted on columns that this project does not have: {_list(unknown)}.",
            hint=f"It has {_list(known)}. Add the others to data.features, or make them in features() of the workflow.",
        )
    return names


def _match_features(names: list[str], booster: Booster, split: SplitRecord) -> tuple[FeatureColumn, ...]:
    """The project's features with the categories that the booster was fitted on: it knows a category by its place."""
    categories = _read_categories(booster)
    types = dict(zip(names, booster.feature_types or [], strict=False))
    by_name = {feature.name: feature for feature in split.features}
    wrong = [
        f"{name!r} is a {by_name[name].type} here and a {_word(types[name])} there"
        for name in names
        if name in types and by_name[name].type != _word(types[name])
    ]
    if not types and any(by_name[name].type == "category" for name in names):
        wrong = [f"{name!r} is a category here" for name in names if by_name[name].type == "category"]
    if wrong:
        raise UserError(
            f"Its features are of other types: {'; '.join(wrong[:_SHOWN])}.",
            hint="Declare them under data.types in mlkit.yaml as the model takes them, or change features().",
        )
    unlisted = [name for name in names if types.get(name) == "c" and name not in categories]
    if unlisted:
        raise UserError(
            f"It does not say which categories it knows of {_list(unlisted)}, so nobody can tell its codes.",
            hint="Fit it on a pandas Categorical of texts with XGBoost 3.1 or newer, and log it anew.",
        )
    return tuple(
        feature.model_copy(update={"categories": categories.get(feature.name, feature.categories)})
        for feature in split.features
    )


def _read_categories(booster: Booster) -> dict[str, tuple[str, ...]]:
    found = booster.get_categories(export_to_arrow=True).to_arrow() or []
    lists = {name: values.to_pylist() for name, values in found if values is not None}
    return {name: tuple(values) for name, values in lists.items() if all(isinstance(value, str) for value in values)}


def _word(kind: str) -> str:
    return "category" if kind == "c" else "number"


def _order_classes(
    estimator: Any, booster: Booster | None, split: SplitRecord, said: Sequence[str]
) -> tuple[tuple[int, ...] | None, tuple[str, ...]]:
    given = _given_classes(estimator, booster)
    if len(given) != len(split.classes):
        raise UserError(
            f"It tells {len(given)} classes apart ({_list(given)}), and {split.label!r} has {len(split.classes)}: "
            f"{_list(split.classes)}."
        )
    codes = {_text(value): code for code, value in enumerate(split.classes)}
    notes: tuple[str, ...] = ()
    if said:
        if sorted(said) != sorted(codes):
            raise UserError(f"--classes names {_list(said)}, and {split.label!r} has {_list(split.classes)}.")
        order = [codes[value] for value in said]
    elif booster is None and {_text(value) for value in given} == set(codes):
        order = [codes[_text(value)] for value in given]
    elif [_text(value) for value in given] == [str(code) for code in range(len(given))]:
        # as scikit-learn's LabelEncoder counts them
        by_value = sorted(split.classes, key=lambda value: (isinstance(value, str), value))
        order = [codes[_text(value)] for value in by_value]
        notes = (
            f"{_list([f'{code} means {value}' for code, value in enumerate(by_value)])}; say it with --classes if not",
        )
    else:
        raise UserError(f"It was fitted on the classes {_list(given)}, and {split.label!r} has {_list(split.classes)}.")
    plain = order == list(range(len(order))) and [_text(value) for value in given] == [str(code) for code in order]
    return None if plain else tuple(order), notes if not plain or _are_words(split.classes) else ()


def _given_classes(estimator: Any, booster: Booster | None) -> list[Any]:
    if booster is not None:
        return list(range(max(2, BoosterConfig(booster).classes)))
    return list(np.asarray(getattr(estimator, "classes_", [])).tolist())


def _are_words(classes: Sequence[Scalar]) -> bool:
    return any(isinstance(value, str) for value in classes)


def _text(value: Any) -> str:
    """A class as text: true, 1 and 1.0 are one value, as the label may have been read in any of these ways."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _list(values: Sequence[Any]) -> str:
    shown = ", ".join(str(value) for value in values[:_SHOWN])
    return f"{shown} and {len(values) - _SHOWN} more" if len(values) > _SHOWN else shown

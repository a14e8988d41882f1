"""Metrics agree with scikit-learn where it defines them, and say why where nothing does."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from airflow_mlkit.evaluation.metrics import compute_metrics, measure
from airflow_mlkit.spec.metrics import METRICS, metrics_of


def _sk_binary(y, s, threshold):
    p = (s >= threshold).astype(int)
    return {
        "roc_auc": sk.roc_auc_score(y, s),
        "average_precision": sk.average_precision_score(y, s),
        "log_loss": sk.log_loss(y, s, labels=[0, 1]),
        "brier_score": sk.brier_score_loss(y, s),
        "accuracy": sk.accuracy_score(y, p),
        "balanced_accuracy": sk.balanced_accuracy_score(y, p),
        "precision": sk.precision_score(y, p, zero_division=0),
        "recall": sk.recall_score(y, p),
        "f1": sk.f1_score(y, p),
        "matthews_corrcoef": sk.matthews_corrcoef(y, p),
    }


def _sk_multiclass(y, s):
    p, labels = s.argmax(axis=1), range(s.shape[1])
    return {
        "roc_auc": sk.roc_auc_score(y, s, multi_class="ovr", average="macro"),
        "log_loss": sk.log_loss(y, s, labels=labels),
        "brier_score": np.mean(((s - np.eye(s.shape[1])[y]) ** 2).sum(axis=1)),
        "accuracy": sk.accuracy_score(y, p),
        "balanced_accuracy": sk.balanced_accuracy_score(y, p),
        "precision": sk.precision_score(y, p, average="macro", zero_division=0),
        "recall": sk.recall_score(y, p, average="macro", zero_division=0),
        "f1": sk.f1_score(y, p, average="macro", zero_division=0),
        "matthews_corrcoef": sk.matthews_corrcoef(y, p),
    }


def _sk_regression(y, s):
    return {
        "rmse": sk.root_mean_squared_error(y, s),
        "mae": sk.mean_absolute_error(y, s),
        "median_absolute_error": sk.median_absolute_error(y, s),
        "mape": sk.mean_absolute_percentage_error(y, s),
        "r2": sk.r2_score(y, s),
    }


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 60), digits=st.integers(0, 3), single=st.booleans())
def test_binary_metrics_are_scikit_learns_with_ties_and_any_float_type(seed, n, digits, single):
    rng = np.random.default_rng(seed)
    y = np.append([0, 1], rng.integers(0, 2, n))
    s = rng.random(n + 2).round(digits).astype(np.float32 if single else np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = _sk_binary(y, s, 0.4)
    assert compute_metrics("binary", y, s, threshold=0.4) == pytest.approx(expected, rel=1e-5, abs=1e-7)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(3, 6), n=st.integers(0, 60))
def test_multiclass_metrics_are_scikit_learns_macro_and_one_vs_rest(seed, k, n):
    rng = np.random.default_rng(seed)
    y = np.append(np.arange(k), rng.integers(0, k, n))
    s = rng.dirichlet(np.ones(k), k + n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = _sk_multiclass(y, s)
    assert compute_metrics("multiclass", y, s) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 60))
def test_regression_metrics_are_scikit_learns(seed, n):
    rng = np.random.default_rng(seed)
    y = rng.normal(10, 3, n)
    s = y + rng.normal(0, 1, n)
    assert compute_metrics("regression", y, s) == pytest.approx(_sk_regression(y, s), rel=1e-9)


def test_values_worked_out_by_hand():
    found = compute_metrics("binary", [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    assert found["roc_auc"] == 0.75
    assert found["average_precision"] == pytest.approx(5 / 6)
    assert found["accuracy"] == 0.75
    assert found["log_loss"] == pytest.approx(-sum(map(math.log, [0.9, 0.6, 0.35, 0.8])) / 4)


def test_a_score_equal_to_the_threshold_counts_as_positive():
    assert compute_metrics("binary", [0, 1], [0.2, 0.5], threshold=0.5)["recall"] == 1


def test_certain_and_wrong_is_clipped_in_log_loss():
    assert math.isfinite(compute_metrics("binary", [0, 1], [1.0, 0.0])["log_loss"])


def test_lists_bools_and_foreign_indices_are_taken_by_position():
    import pandas as pd

    plain = compute_metrics("binary", [0, 1, 1], [0.2, 0.3, 0.9])
    assert compute_metrics("binary", [False, True, True], pd.Series([0.2, 0.3, 0.9], index=[9, 4, 9])) == plain


@pytest.mark.parametrize(
    ("kind", "labels", "scores", "undefined", "why"),
    [
        ("binary", [], [], set(metrics_of("binary")), "no rows"),
        ("binary", [0, 1], [0.2, np.nan], set(metrics_of("binary")), "1 of 2 scores"),
        ("binary", [0, 1], [0.2, np.inf], set(metrics_of("binary")), "1 of 2 scores"),
        (
            "binary",
            [0, 0],
            [0.2, 0.7],
            {"roc_auc", "average_precision", "balanced_accuracy", "precision", "recall", "f1", "matthews_corrcoef"},
            "",
        ),
        (
            "multiclass",
            [1, 1],
            [[0.2, 0.7, 0.1]] * 2,
            {"roc_auc", "balanced_accuracy", "precision", "recall", "f1", "matthews_corrcoef"},
            "one class",
        ),
        ("regression", [np.nan, 1], [1, 1], set(metrics_of("regression")), "labels are missing"),
        ("regression", [3, 3], [1, 2], {"r2"}, "all the same"),
        ("regression", [0, 3], [1, 2], {"mape"}, "is 0"),
        ("regression", [3], [1], {"r2"}, "all the same"),
    ],
)
def test_what_is_undefined_is_none_and_says_why(kind, labels, scores, undefined, why):
    scores = scores or np.empty(0)
    found = measure(kind, labels, scores)
    assert set(found.values) == set(metrics_of(kind))
    assert {name for name, value in found.values.items() if value is None} == undefined == set(found.why_undefined)
    assert all(why in text for text in found.why_undefined.values())


def test_a_class_without_rows_does_not_make_the_multiclass_area_undefined():
    scores = np.array([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1]])
    assert compute_metrics("multiclass", [0, 1, 0], scores)["roc_auc"] == 1


@pytest.mark.parametrize(
    ("kind", "labels", "scores"),
    [("binary", [0, 1], [0.5]), ("binary", [0, 2], [0.5, 0.5]), ("binary", [0], [[0.5]]), ("multiclass", [0], [0.5])],
)
def test_rows_that_do_not_belong_together_are_refused(kind, labels, scores):
    with pytest.raises(ValueError, match=r"labels|shape"):
        compute_metrics(kind, labels, scores)


def test_every_metric_of_the_spec_is_computed():
    computed = {
        *compute_metrics("binary", [0, 1], [0.1, 0.2]),
        *compute_metrics("multiclass", [0, 1], np.full((2, 3), 1 / 3)),
        *compute_metrics("regression", [0, 1], [0.1, 0.2]),
    }
    assert computed == set(METRICS)

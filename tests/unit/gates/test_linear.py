"""Each metric's value is the evaluation's, and each row's contribution is the metric's slope along the row's weight."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlkit.evaluation.metrics import UndefinedMetricError, measure
from airflow_mlkit.gates.linear import ScoredHoldout, linearize
from airflow_mlkit.spec.metrics import metrics_of


def draw_rows(kind, seed, rows=40):
    """Rows with ties, and all classes among them."""
    rng = np.random.default_rng(seed)
    if kind == "regression":
        labels = rng.normal(5, 2, rows).round(1) + 20
        return labels, (labels + rng.normal(0, 1, rows)).round(3)
    classes = 2 if kind == "binary" else 4
    labels = np.append(np.arange(classes), rng.integers(0, classes, rows - classes))
    if kind == "binary":
        return labels, np.clip(rng.random(rows) * 0.6 + labels * 0.3, 0.02, 0.98).round(1)
    scores = rng.random((rows, classes)) + 2 * np.eye(classes)[labels] * rng.random((rows, 1))
    return labels, scores / scores.sum(axis=1, keepdims=True)


KINDS = ["binary", "multiclass", "regression"]
ALL = [(kind, metric) for kind in KINDS for metric in metrics_of(kind)]


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10**6))
def test_the_value_is_the_one_of_the_evaluation(kind, seed):
    labels, scores = draw_rows(kind, seed)
    measured = measure(kind, labels, scores).values
    for metric in metrics_of(kind):
        found = linearize(metric, ScoredHoldout(labels, scores, np.ones(len(labels))))
        assert found.value == pytest.approx(measured[metric], rel=1e-9, abs=1e-12), metric


@pytest.mark.parametrize(("kind", "metric"), [each for each in ALL if each[1] != "median_absolute_error"])
@pytest.mark.parametrize("seed", range(3))
def test_a_contribution_is_the_slope_of_the_metric_along_the_weight_of_the_row(kind, metric, seed):
    labels, scores = draw_rows(kind, seed)
    weights = np.random.default_rng(seed).uniform(0.5, 2, len(labels))
    found = linearize(metric, ScoredHoldout(labels, scores, weights))
    step = 1e-5
    for row in range(0, len(labels), 7):
        ends = []
        for sign in (1, -1):
            moved = weights.copy()
            moved[row] *= 1 + sign * step
            ends.append(linearize(metric, ScoredHoldout(labels, scores, moved)).value)
        assert found.contributions[row] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-3, abs=1e-7)


@pytest.mark.parametrize(("kind", "metric"), ALL)
def test_contributions_sum_to_nothing(kind, metric):
    labels, scores = draw_rows(kind, 5)
    found = linearize(metric, ScoredHoldout(labels, scores, np.ones(len(labels))))
    assert found.contributions.sum() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("kind", "metric"), ALL)
def test_a_weight_of_two_is_the_row_twice_and_a_weight_of_none_is_no_row(kind, metric):
    labels, scores = draw_rows(kind, 9)
    times = np.random.default_rng(9).integers(0, 3, len(labels))
    weighted = linearize(metric, ScoredHoldout(labels, scores, times.astype(float)))
    repeated = ScoredHoldout(np.repeat(labels, times), np.repeat(scores, times, axis=0), np.ones(times.sum()))
    assert weighted.value == pytest.approx(linearize(metric, repeated).value)


def test_the_spread_of_the_median_error_is_that_of_many_drawn_holdouts():
    rng = np.random.default_rng(3)
    drawn = [ScoredHoldout(rng.normal(0, 1, 2000), np.zeros(2000), np.ones(2000)) for _ in range(200)]
    found = [linearize("median_absolute_error", rows) for rows in drawn]
    claimed = np.mean([np.sqrt(np.square(each.contributions).sum()) for each in found])
    assert claimed == pytest.approx(np.std([each.value for each in found]), rel=0.2)


def test_value_is_what_the_answers_earn():
    gains = np.array([[0, -5], [-100, 0], [0, -5]])
    rows = ScoredHoldout(np.array([0, 1, 0]), np.array([0.9, 0.1, 0.2]), np.ones(3), gains=gains)
    assert linearize("value", rows).value == pytest.approx((-5 - 100 + 0) / 3)


def test_one_class_has_no_area():
    with pytest.raises(UndefinedMetricError, match="one class only"):
        linearize("roc_auc", ScoredHoldout(np.ones(4), np.arange(4.0), np.ones(4)))

"""The checks of scores: whether they differ, and whether they mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlkit.gates.sanity.calibration import check_calibration, expected_calibration_error
from airflow_mlkit.gates.sanity.distinct_scores import check_distinct_scores
from airflow_mlkit.spec.sanity import CalibrationCheck, DistinctScoresCheck

DISTINCT, CALIBRATION = DistinctScoresCheck(), CalibrationCheck()


def draw(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and the probabilities that they were drawn with."""
    random = np.random.default_rng(seed)
    scores = random.beta(1, 3, rows)
    return (random.random(rows) < scores).astype(np.int64), scores


@pytest.mark.parametrize("scores", [np.full(40, 0.3), np.tile([0.2, 0.8], (40, 1)), np.full(40, -7.5)])
def test_the_same_score_for_every_row_fails(scores):
    result = check_distinct_scores(DISTINCT, scores)
    assert not result.passed
    assert result.reason == "the model gives all 40 holdout rows the same score: it has learned nothing"


def test_scores_that_differ_pass_even_if_one_class_has_the_same_everywhere():
    assert check_distinct_scores(DISTINCT, np.array([0.1, 0.1, 0.2])).measured == 2
    assert check_distinct_scores(DISTINCT, np.array([[0.5, 0.3, 0.2], [0.5, 0.2, 0.3]])).passed


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_fails_and_is_counted(bad):
    result = check_distinct_scores(DISTINCT, np.array([0.1, bad, 0.2]))
    assert not result.passed
    assert result.reason == "the model gives no finite score for 1 of 3 holdout rows"


@pytest.mark.parametrize("rows", [1, 3, 29])
def test_a_few_rows_may_be_all_of_one_leaf(rows):
    result = check_distinct_scores(DISTINCT, np.full(rows, 0.5))
    assert result.passed
    assert result.reason == f"a holdout of {rows} rows cannot show whether the scores differ"


@pytest.mark.parametrize("rows", [3, 30, 300, 30_000])
def test_scores_that_mean_what_they_say_are_calibrated_whatever_the_number_of_rows(rows):
    assert all(check_calibration(CALIBRATION, "binary", *draw(rows, seed)).passed for seed in range(30))


@pytest.mark.parametrize(("rows", "passed"), [(12, True), (2000, False)])
def test_scores_of_the_wrong_class_fail_where_there_are_rows_enough_to_tell(rows, passed):
    labels, scores = draw(rows)
    result = check_calibration(CALIBRATION, "binary", labels, 1 - scores)
    assert result.passed is passed
    assert result.measured > result.limit


def test_scores_that_are_certain_and_wrong_are_not_calibrated():
    random = np.random.default_rng(0)
    scores = np.eye(3)[random.integers(0, 3, 300)]
    result = check_calibration(CALIBRATION, "multiclass", random.integers(0, 3, 300), scores)
    assert not result.passed
    assert "predicted classes promise 1 on average and 0.3" in result.reason


def test_weights_against_an_imbalance_pass_and_can_be_held_to_a_stricter_limit():
    labels, scores = draw(3000)
    weighted = 2 * scores / (1 + scores)
    assert check_calibration(CALIBRATION, "binary", labels, weighted).passed
    assert not check_calibration(CalibrationCheck(at_most=0.1), "binary", labels, weighted).passed


def test_predictions_in_another_unit_are_biased_and_ordinary_noise_is_not():
    random = np.random.default_rng(0)
    prices = random.lognormal(3, 1, 500)
    assert check_calibration(CALIBRATION, "regression", prices, prices + random.normal(0, 5, 500)).passed
    logarithms = check_calibration(CALIBRATION, "regression", prices, np.log(prices))
    assert not logarithms.passed
    assert "standard deviations too low, above 0.5" in logarithms.reason


def test_a_predicted_quantile_is_biased_and_right_and_one_that_is_none_is_found():
    labels = np.random.default_rng(0).normal(size=600)
    upper = np.full(600, 1.28)
    assert not check_calibration(CALIBRATION, "regression", labels, upper).passed
    assert check_calibration(CALIBRATION, "regression", labels, upper, quantile=0.9).passed
    mean = check_calibration(CALIBRATION, "regression", labels, 0 * upper, quantile=0.9)
    assert not mean.passed
    assert "of the labels lie below their predicted quantile 0.9" in mean.reason


@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_labels_that_equal_their_quantile_lie_on_the_side_that_suits(rows):
    assert check_calibration(CALIBRATION, "regression", np.zeros(rows), np.zeros(rows), quantile=0.9).measured == 0


def test_many_rows_of_few_entities_are_weak_evidence():
    labels, scores = draw(2000)
    assert not check_calibration(CALIBRATION, "binary", labels, 1 - scores).passed
    assert check_calibration(CALIBRATION, "binary", labels, 1 - scores, independent_share=0.002).passed


@pytest.mark.parametrize("kind", ["binary", "regression"])
@pytest.mark.parametrize("labels", [[1, 1, 1], [0, 0, 0], [1, 0, 1], [1]])
@pytest.mark.parametrize("score", [0.0, 1.0, 0.5, np.nan, np.inf])
def test_three_rows_one_class_or_broken_scores_neither_fail_nor_raise(kind, labels, score):
    scores = np.full(len(labels), score)
    assert check_calibration(CALIBRATION, kind, np.array(labels), scores).passed


def test_equal_scores_stay_in_one_bin_however_the_labels_are_sorted():
    labels = np.repeat([0, 1], 500)
    error, chance = expected_calibration_error(np.full(1000, 0.5), labels == 1)
    assert error == pytest.approx(0)
    assert chance > 0.5


@given(
    scores=st.lists(st.floats(0, 1), min_size=1, max_size=200),
    labels=st.integers(0, 2**200 - 1),
    share=st.floats(0.001, 1),
)
def test_an_error_and_a_probability_come_out_of_any_scores(scores, labels, share):
    outcomes = np.array([bool(labels >> position & 1) for position in range(len(scores))])
    error, chance = expected_calibration_error(np.array(scores), outcomes, independent_share=share)
    assert 0 <= error <= 1
    assert 0 <= chance <= 1

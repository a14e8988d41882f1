"""Drift and presence: the holdout beside the rows that a model was trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlkit.gates.sanity.drift import check_feature_drift, check_label_drift, measure_drift
from airflow_mlkit.gates.sanity.feature_presence import check_feature_presence
from airflow_mlkit.gates.sanity.population_stability import population_stability_index
from airflow_mlkit.spec.sanity import FeatureDriftCheck, FeaturePresenceCheck, LabelDriftCheck

from .parts import build_parts

DRIFT, LABEL, PRESENCE = FeatureDriftCheck(), LabelDriftCheck(), FeaturePresenceCheck()
RANDOM = np.random.default_rng(0)


def amounts(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(3, 1, rows).astype(np.float32)


def drift_of(change: Any, rows: int = 400):
    training, validation, holdout = amounts(4 * rows, 1), amounts(rows, 2), amounts(rows, 3)
    return check_feature_drift(
        DRIFT, build_parts({"amount": training}, {"amount": validation}, {"amount": change(holdout)})
    )


@pytest.mark.parametrize("rows", [30, 100, 1000])
@pytest.mark.parametrize("seed", range(10))
def test_rows_of_the_same_kind_do_not_drift(rows: int, seed: int):
    parts = [
        {f"n{k}": amounts(count, 100 * seed + k) for k in range(20)} | {"c": amounts(count, seed).astype(int) % 9}
        for count in (4 * rows, rows // 3, rows)
    ]
    assert check_feature_drift(DRIFT, build_parts(*parts)).passed


@pytest.mark.parametrize("change", [lambda x: x * 10, np.negative, np.log, np.zeros_like, lambda x: x * np.nan])
@pytest.mark.parametrize("rows", [60, 1000])
def test_another_unit_sign_or_constant_drifts_and_names_the_column(change: Any, rows: int):
    result = drift_of(change, rows)
    assert result.features == ("amount",)
    assert "unlike the rows that the model was trained on in 'amount'" in result.reason
    assert result.measured > result.limit


def test_a_shift_of_half_a_standard_deviation_is_ordinary():
    assert drift_of(lambda x: x * np.exp(0.5)).passed


def test_what_moves_with_the_calendar_has_moved_by_the_end_of_training_already():
    day = np.arange(4000) // 10
    month = (day // 30).astype(np.float32)
    counter = np.arange(4000, dtype=np.float32)
    cuts = (slice(0, 3300), slice(3300, 3700), slice(3700, 4000))
    parts = [{"month": month[cut], "counter": counter[cut]} for cut in cuts]
    assert check_feature_drift(DRIFT, build_parts(*parts)).passed
    parts[1] = {"month": month[:400], "counter": RANDOM.permutation(counter[:3300])[:400]}
    assert "counter" in check_feature_drift(DRIFT, build_parts(*parts)).features


def test_an_ignored_column_may_move():
    parts = build_parts({"x": amounts(500)}, {"x": amounts(50)}, {"x": 100 * amounts(200)})
    assert check_feature_drift(FeatureDriftCheck(ignore=("x",)), parts).passed


def test_a_column_with_one_value_in_training_is_passed_over():
    assert measure_drift(np.zeros(300), np.zeros(30), np.ones(100), limit=1.0).distance == 0


def test_rows_of_two_entities_are_no_evidence():
    rows = {"x": amounts(400)}, {"x": amounts(40)}, {"x": 100 * amounts(200)}
    assert not check_feature_drift(DRIFT, build_parts(*rows)).passed
    assert check_feature_drift(DRIFT, build_parts(*rows, entities=2)).passed


def test_a_label_that_turns_is_found_and_one_that_wavers_is_not():
    def labels(rows: int, share: float) -> dict[str, Any]:
        return {"y": (np.arange(rows) < share * rows).astype(np.int64), "x": amounts(rows)}

    same = build_parts(labels(1000, 0.2), labels(100, 0.2), labels(300, 0.27))
    assert check_label_drift(LABEL, same, is_number=False).passed
    turned = build_parts(labels(1000, 0.2), labels(100, 0.2), labels(300, 0.8))
    result = check_label_drift(LABEL, turned, is_number=False)
    assert not result.passed
    assert "the label of the holdout is spread otherwise than in training" in result.reason


def test_a_number_as_a_label_drifts_by_its_bins():
    parts = [{"y": 1.0 * amounts(rows) * unit, "x": amounts(rows)} for rows, unit in ((500, 1), (50, 1), (200, 100))]
    assert not check_label_drift(LABEL, build_parts(*parts), is_number=True).passed


@given(
    training=st.lists(st.integers(-1, 5), max_size=40),
    validation=st.lists(st.integers(-1, 7), max_size=40),
    holdout=st.lists(st.integers(-1, 9), max_size=40),
    numbers=st.booleans(),
)
def test_any_columns_have_a_finite_distance(training, validation, holdout, numbers):
    """Unseen categories, none at all, all missing: nothing raises."""
    parts = [np.array(values, dtype=np.float32 if numbers else np.int32) for values in (training, validation, holdout)]
    drift = measure_drift(*[np.where(part < 0, np.nan, part) if numbers else part for part in parts], limit=1.0)
    assert np.isfinite(drift).all()
    assert drift.distance >= 0


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), min_size=1, max_size=20))
def test_the_index_is_symmetric_and_zero_for_the_same_shares(counts):
    one, other = np.array(counts).T
    assert population_stability_index(one, other) == pytest.approx(population_stability_index(other, one))
    assert population_stability_index(one, one) == pytest.approx(0)


def presence_of(training: Any, validation: Any, holdout: Any, **columns: Any):
    def column(present: float, rows: int) -> np.ndarray:
        return np.where(np.arange(rows) < present * rows, 1.0, np.nan)

    parts = ({"x": column(training, 400)}, {"x": column(validation, 40)}, {"x": column(holdout, 100)})
    return check_feature_presence(PRESENCE, build_parts(*parts, **columns))


@pytest.mark.parametrize(
    ("training", "validation", "holdout", "reason"),
    [
        (1.0, 1.0, 0.0, "nearly all holdout rows lack 'x', which the training rows had"),
        (0.6, 0.6, 0.02, "nearly all holdout rows lack 'x', which the training rows had"),
        (0.0, 0.0, 0.9, "nearly all training rows lacked 'x', which the holdout rows have"),
    ],
)
def test_a_feature_that_went_missing_or_turned_up_is_named(training, validation, holdout, reason):
    result = presence_of(training, validation, holdout)
    assert (result.passed, result.features, result.reason) == (False, ("x",), reason)


@pytest.mark.parametrize(
    ("training", "validation", "holdout"),
    [(1, 1, 1), (0, 0, 0), (0.02, 0.02, 0), (1, 0, 0), (0, 1, 1), (1, 1, 0.5), (0.5, 0.5, 1)],
)
def test_what_is_sparse_or_was_so_before_the_holdout_is_no_news(training, validation, holdout):
    assert presence_of(training, validation, holdout).passed


def test_a_few_rows_of_one_entity_may_lack_a_feature():
    assert presence_of(0.6, 0.6, 0, entities=3).passed


def test_text_that_training_has_not_met_counts_as_missing():
    seen, unseen = np.arange(100) % 5, np.full(100, -1)
    assert check_feature_presence(PRESENCE, build_parts({"c": seen}, {"c": seen}, {"c": unseen})).features == ("c",)

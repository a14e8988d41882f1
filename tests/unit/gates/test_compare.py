"""What a paired comparison decides, and that nothing that is broken is ever promoted."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlkit.gates import Decision, compare
from airflow_mlkit.gates.paired import Sample
from airflow_mlkit.gates.paired_comparison import correct_for_looks, default_margin


def draw(rows=4000, *, better=0.0, seed=0):
    """Labels, the champion's scores and a challenger's whose errors are smaller by `better`."""
    rng = np.random.default_rng(seed)
    signal, shared = rng.normal(size=(2, rows))
    labels = (rng.random(rows) < 1 / (1 + np.exp(1 - 2 * signal))).astype(int)

    def score(noise):
        return 1 / (1 + np.exp(1 - 2 * (signal + noise * (0.9 * shared + 0.4 * rng.normal(size=rows)))))

    return labels, score(1.0), score(1.0 - better)


def numbers(rows=2000, better=0.0):
    _, champion, challenger = draw(rows, better=better)
    return 10 + 5 * champion + np.random.default_rng(1).normal(size=rows), 10 + 5 * champion, 10 + 5 * challenger


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "log_loss", "brier_score", "accuracy", "f1"])
def test_a_clearly_better_challenger_is_promoted_and_a_clearly_worse_one_is_not(metric):
    labels, champion, challenger = draw(8000, better=0.5)
    assert compare(labels, champion, challenger, metric=metric).decision is Decision.PROMOTE
    worse = compare(labels, challenger, champion, metric=metric)
    assert worse.decision is Decision.HOLD_BACK
    assert worse.reason.startswith(f"{metric} ")
    assert "is worse than" in worse.reason


def test_an_area_and_its_interval_are_those_of_delong():
    """By the definition: placement values by counting every pair."""
    labels, champion, challenger = draw(400)
    positive, negative = labels == 1, labels == 0

    def placements(scores):
        above = scores[positive][:, None] > scores[negative][None, :]
        return above.mean(axis=1), above.mean(axis=0)

    of_positives, of_negatives = (
        one - other for one, other in zip(placements(challenger), placements(champion), strict=True)
    )
    error = np.sqrt(of_positives.var(ddof=1) / positive.sum() + of_negatives.var(ddof=1) / negative.sum())
    found = compare(labels, champion, challenger, metric="roc_auc", confidence=0.95)
    assert found.method == "DeLong et al. 1988"
    assert found.estimate == pytest.approx(of_positives.mean())
    from scipy.stats import t

    reach = t.ppf(0.975, min(positive.sum(), negative.sum()) - 1) * error
    assert found.interval == pytest.approx((found.estimate - reach, found.estimate + reach))


def test_a_challenger_that_only_looks_better_is_undecided_and_told_how_many_rows_would_decide():
    labels, champion, challenger = draw(600, better=0.02)
    found = compare(labels, champion, challenger, metric="roc_auc")
    assert found.decision is Decision.UNDECIDED
    assert found.more_rows > 0
    assert f"about {found.more_rows:,} more rows" in found.reason
    assert "99 % sure" in found.reason


def test_with_as_many_rows_as_were_asked_for_an_equal_models_bound_reaches_the_margin():
    labels, champion, challenger = draw(600, better=0.02)
    first = compare(labels, champion, challenger, metric="roc_auc")
    labels, champion, challenger = draw(600 + first.more_rows, seed=1)
    again = compare(labels, champion, challenger, metric="roc_auc")
    assert again.estimate - again.lower_bound == pytest.approx(again.margin, rel=0.15)


def test_equal_scores_keep_the_champion():
    labels, champion, _ = draw()
    found = compare(labels, champion, champion.copy(), metric="roc_auc")
    assert found.decision is Decision.HOLD_BACK
    assert "a tie keeps the champion" in found.reason


def test_champions_that_decline_step_by_step_are_stopped_by_the_anchor():
    labels, anchor, champion = draw(8000, better=-0.3)
    _, _, challenger = draw(8000, better=-0.27)
    alone = compare(labels, champion, challenger, metric="roc_auc")
    anchored = compare(labels, champion, challenger, metric="roc_auc", anchor_scores=anchor)
    assert alone.decision is Decision.PROMOTE
    assert anchored.decision is Decision.HOLD_BACK
    assert "step by step" in anchored.reason
    assert anchored.against_anchor.lower_bound < -anchored.margin


def test_the_anchor_moves_only_to_a_challenger_that_was_proven_better():
    labels, champion, better = draw(8000, better=0.5)
    assert compare(labels, champion, better, metric="roc_auc").moves_anchor
    labels, champion, alike = draw(8000, better=0.01, seed=3)
    assert not compare(labels, champion, alike, metric="roc_auc").moves_anchor


def test_rows_of_one_entity_make_the_interval_wider():
    labels, champion, challenger = draw(500, better=0.2)
    times = 8
    repeated = [np.repeat(each, times) for each in (labels, champion, challenger)]
    accounts = np.repeat([f"account {n}" for n in range(500)], times)
    alone = compare(labels, champion, challenger, metric="roc_auc", confidence=0.95)
    grouped = compare(*repeated, metric="roc_auc", confidence=0.95, groups=accounts)
    assert grouped.entities == 500
    assert grouped.method == "Obuchowski 1997"
    width, same = (each.interval.high - each.interval.low for each in (grouped, alone))
    assert width == pytest.approx(same, rel=0.05)


def test_entities_of_one_size_are_as_sure_as_they_are_many_and_uneven_ones_are_less_sure():
    labels, champion, challenger = draw(4000)
    even, rng = np.arange(4000) // 10, np.random.default_rng(0)
    # a tenth of the entities has two thirds of the rows
    uneven = np.where(rng.random(4000) < 2 / 3, rng.integers(40, size=4000), 40 + rng.integers(360, size=4000))
    mean = [compare(labels, champion, challenger, metric="accuracy", groups=of) for of in (even, uneven)]
    assert mean[1].interval.high - mean[1].interval.low > 1.02 * (mean[0].interval.high - mean[0].interval.low)
    sample = Sample(np.ones(4000), entities=even)
    assert sample.effective_entities - 1 == sample.degrees == pytest.approx(399)
    assert 60 < Sample(np.ones(4000), entities=uneven).effective_entities < 120


def test_the_variance_by_entity_is_that_of_leaving_out_one_after_the_other():
    rng = np.random.default_rng(1)
    entities, values = np.repeat(np.arange(50), rng.integers(1, 30, size=50)), rng.normal(size=2000)
    values = values[: len(entities)]
    contributions = (values - values.mean()) / len(values)
    found = Sample(np.ones(len(values)), entities=entities)._variance(contributions)
    left = np.array([values[entities != each].mean() for each in range(50)])
    assert found == pytest.approx(49 / 50 * np.square(left - values.mean()).sum())


def test_a_row_without_an_entity_stands_for_itself():
    labels, champion, challenger = draw(600)
    blank = np.array([None] * 600, dtype=object)
    assert compare(labels, champion, challenger, metric="roc_auc", groups=blank).entities == 600


def test_the_margin_of_an_error_is_a_share_of_the_champions():
    labels, champion, challenger = numbers()
    found = compare(labels, champion, challenger, metric="rmse")
    assert found.margin == pytest.approx(0.02 * found.champion)
    assert default_margin("roc_auc", 0.8) == 0.01
    assert compare(labels, champion, challenger, metric="rmse", margin=0.5).margin == 0.5


def test_an_error_that_fell_counts_as_better():
    labels, champion, _ = numbers()
    noisy = champion + np.random.default_rng(2).normal(size=len(labels))
    assert compare(labels, noisy, champion, metric="mae").decision is Decision.PROMOTE
    assert compare(labels, champion, noisy, metric="mae").estimate < 0


def test_several_looks_at_one_holdout_are_each_made_surer():
    assert correct_for_looks(0.99, 1) == 0.99
    assert correct_for_looks(0.99, 5) == pytest.approx(0.998)


LABELS, CHAMPION, CHALLENGER = draw(1000, better=0.5)


def spoil(values, value, times=3):
    spoiled = np.asarray(values, dtype=float).copy()
    spoiled[:times] = value
    return spoiled


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"challenger_scores": spoil(CHALLENGER, np.nan)}, "3 of 1,000 scores of the challenger are no numbers"),
        ({"challenger_scores": spoil(CHALLENGER, np.inf)}, "3 of 1,000 scores of the challenger are no numbers"),
        ({"champion_scores": spoil(CHAMPION, -np.inf)}, "3 of 1,000 scores of the champion are no numbers"),
        ({"anchor_scores": spoil(CHAMPION, np.nan)}, "scores of the anchor are no numbers"),
        ({"challenger_scores": np.full(1000, 0.5)}, "the challenger gives every row the same score"),
        ({"challenger_scores": ["high"] * 1000}, "scores of the challenger are no numbers"),
        ({"challenger_scores": [None] * 1000}, "scores of the challenger are no numbers"),
        ({"labels": spoil(LABELS, np.nan)}, "3 of 1,000 labels are missing or no numbers"),
        ({"labels": np.where(LABELS == 1, "yes", "no")}, "labels are missing or no numbers"),
        ({"labels": np.ones(1000)}, "the labels hold one class only"),
        ({"champion_scores": np.full(1000, 0.5)}, "the champion gives every row the same score"),
        ({"labels": np.ma.array(LABELS, mask=np.arange(1000) < 3)}, "3 of 1,000 labels are missing or no numbers"),
        ({"labels": LABELS.astype("datetime64[D]")}, "labels are missing or no numbers"),
        ({"challenger_scores": CHALLENGER + 1j}, "scores of the challenger are no numbers"),
        (
            {"weights": np.where(np.arange(1000) < 50, 1e12, 1)},
            "a few rows have most of the weight, so that 1,000 rows count like 50.0, and fewer than 200 cannot decide",
        ),
        ({"labels": LABELS + 1}, "a label is 2, and labels are the positions of the 2 classes"),
        ({"labels": spoil(LABELS, 0.5)}, "a label is 0.5"),
        ({"weights": np.zeros(1000)}, "every weight is 0"),
        ({"weights": spoil(np.ones(1000), -1)}, "3 weights are negative or no numbers"),
        ({"weights": spoil(np.ones(1000), np.nan)}, "3 weights are negative or no numbers"),
        (
            {"groups": np.where(np.arange(1000) < 900, 0, np.arange(1000))},
            "a few entities have most of the rows of a class, so that 101 count like 1.2, and fewer than 10 cannot",
        ),
        ({"weights": np.arange(1000) < 150}, "there are 150 rows, and fewer than 200 cannot decide"),
        ({"groups": np.arange(1000) % 7}, "rows of 7 entities, and fewer than 30 cannot decide"),
        ({"labels": np.arange(1000) < 5}, "one class has 5 rows, and fewer than 20 cannot decide"),
    ],
)
def test_what_cannot_be_compared_is_never_promoted_and_says_why(given, said):
    inputs = {"labels": LABELS, "champion_scores": CHAMPION, "challenger_scores": CHALLENGER} | given
    found = compare(**inputs, metric="roc_auc")
    assert found.decision is not Decision.PROMOTE
    assert said in found.reason
    assert found.estimate is None


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_handful_of_rows_decides_nothing(rows):
    found = compare(LABELS[:rows], CHAMPION[:rows], CHALLENGER[:rows], metric="log_loss")
    assert found.decision is not Decision.PROMOTE


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"labels": LABELS[:-1]}, "999 labels, 1000 scores of the champion"),
        ({"challenger_scores": CHALLENGER[:-1]}, "999 scores of the challenger"),
        ({"anchor_scores": CHAMPION[:-1]}, "999 scores of the anchor"),
        ({"weights": np.ones(3)}, "3 weights"),
        ({"groups": np.ones(3)}, "3 groups"),
        ({"challenger_scores": np.ones((1000, 2))}, "different shapes"),
        ({"labels": LABELS[:, None]}, "labels of the shape (1000, 1); give one for each row"),
        ({"challenger_scores": CHALLENGER[:, None]}, "scores of the challenger of the shape (1000, 1)"),
        ({"challenger_scores": None}, "scores of the challenger of the shape ()"),
        ({"groups": np.ones((1000, 2, 2))}, "groups of the shape (1000, 2, 2)"),
        ({"gains": np.ones((1000, 3))}, "gains of the shape (1000, 3) for 1,000 rows and 2 classes"),
        ({"metric": "roc_acu"}, "did you mean"),
        ({"margin": "0.01"}, "margin '0.01' is not"),
        ({"quantile": 2}, "quantile 2 is not between 0 and 1"),
        ({"margin": -0.01}, "margin -0.01 is not"),
        ({"margin": float("nan")}, "margin nan is not"),
        ({"confidence": 1.0}, "confidence 1.0 is not"),
        ({"confidence": 0.3}, "confidence 0.3 is not"),
    ],
)
def test_a_request_that_makes_no_sense_is_an_error(given, said):
    inputs = {"labels": LABELS, "champion_scores": CHAMPION, "challenger_scores": CHALLENGER, "metric": "roc_auc"}
    with pytest.raises(ValueError, match=re.escape(said)):
        compare(**(inputs | given))


def test_everything_goes_by_position_and_by_value():
    shuffled = np.random.default_rng(0).permutation(1000)
    plain = compare(LABELS, CHAMPION, CHALLENGER, metric="roc_auc")
    dressed = compare(
        pd.Series(LABELS.astype(bool), index=shuffled),
        list(CHAMPION),
        pd.Series(CHALLENGER, index=[f"row {n}" for n in shuffled]),
        metric="roc_auc",
    )
    assert dressed == plain


@given(st.lists(st.tuples(st.booleans(), *[st.floats(0, 1, width=16)] * 3), min_size=0, max_size=300))
def test_nothing_random_decides_and_nothing_makes_it_fail(rows):
    labels, champion, challenger, anchor = (list(column) for column in zip(*rows, strict=True)) if rows else [[]] * 4
    for metric in ("roc_auc", "average_precision", "accuracy", "f1", "log_loss"):
        found = compare(labels, champion, challenger, metric=metric, anchor_scores=anchor)
        assert found == compare(labels, champion, challenger, metric=metric, anchor_scores=anchor)
        assert found.decision is not Decision.PROMOTE or found.estimate > 0


def test_many_classes_are_compared_too():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 2000)

    def score(strength):
        raw = rng.random((2000, 5)) + strength * np.eye(5)[labels] * rng.random((2000, 1))
        return raw / raw.sum(axis=1, keepdims=True)

    champion, challenger = score(1), score(2)
    for metric in ("roc_auc", "log_loss", "brier_score", "accuracy", "f1", "matthews_corrcoef", "balanced_accuracy"):
        assert compare(labels, champion, challenger, metric=metric).decision is Decision.PROMOTE, metric
        assert compare(labels, challenger, champion, metric=metric).decision is Decision.HOLD_BACK, metric


def test_value_speaks_in_money():
    labels, champion, challenger = draw(8000, better=0.5)
    gains = np.column_stack([np.where(labels == 1, -100, 0), np.where(labels == 1, 0, -5)])
    found = compare(labels, champion, challenger, metric="value", gains=gains, threshold=0.1)
    assert found.decision is Decision.PROMOTE
    assert found.margin == pytest.approx(0.02 * abs(found.champion))
    unpriced = compare(labels, champion, challenger, metric="value")
    assert "nobody said what" in unpriced.reason


def test_a_matrix_of_costs_is_the_same_as_its_row_for_each_row():
    labels, champion, challenger = draw(2000, better=0.3)
    matrix = np.array([[0, -5], [-100, 0]])
    asked = {"metric": "value", "threshold": 0.1}
    found = compare(labels, champion, challenger, gains=matrix, **asked)
    assert found == compare(labels, champion, challenger, gains=matrix[labels], **asked)
    broken = compare(labels, champion, challenger, gains=np.where(matrix == 0, np.nan, matrix), **asked)
    assert broken.decision is Decision.UNDECIDED
    assert "gains hold what is no number" in broken.reason


@pytest.mark.parametrize("metric", ["rmse", "mae", "r2", "mape", "quantile_loss"])
def test_numbers_that_are_too_large_to_reckon_with_decide_nothing(metric):
    labels, champion, challenger = numbers()
    found = compare(labels, champion, spoil(challenger, 1e200), metric=metric)
    assert found.decision is not Decision.PROMOTE
    assert compare(labels, champion, challenger, metric=metric, weights=np.full(2000, 1e308)).estimate is not None


def test_a_model_does_not_beat_itself_in_another_precision():
    """Where scores are certain and wrong log loss hangs on what is taken for certain."""
    labels, _, _ = draw(2000)
    scores = np.where(np.arange(2000) % 100 == 0, 1 - labels, labels).astype(float)
    found = compare(labels, scores, scores.astype(np.float32), metric="log_loss")
    assert found.estimate == pytest.approx(0, abs=1e-12)
    assert found.decision is Decision.HOLD_BACK


def test_each_champion_since_the_anchor_makes_it_harder_to_pass():
    labels, anchor, champion = draw(8000, better=-0.1)
    _, _, challenger = draw(8000, better=-0.05)
    found = [
        compare(labels, champion, challenger, metric="roc_auc", anchor_scores=anchor, since_anchor=n).against_anchor
        for n in (1, 9)
    ]
    assert [each.confidence for each in found] == pytest.approx([0.995, 0.999])
    assert found[0].estimate == found[1].estimate
    assert found[0].lower_bound > found[1].lower_bound


def test_an_entity_may_be_named_by_several_columns():
    labels, champion, challenger = draw(2000)
    account = np.arange(2000) // 4
    one = compare(labels, champion, challenger, metric="roc_auc", groups=account)
    two = compare(labels, champion, challenger, metric="roc_auc", groups=np.column_stack([account % 5, account]))
    assert one == two

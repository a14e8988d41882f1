"""A comparison in words and as a drawing."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_mlkit.gates.comparison import AnchorComparison, Comparison, Interval, SliceComparison
from airflow_mlkit.gates.comparison_view import ComparisonView, view_comparison
from airflow_mlkit.gates.decision import Decision
from airflow_mlkit.gates.difference import count_decimals, tell_between, tell_bound, tell_difference

FOUND: dict[str, Any] = {
    "metric": "roc_auc",
    "decision": Decision.PROMOTE,
    "reason": "it is better",
    "confidence": 0.99,
    "margin": 0.01,
    "estimate": 0.011574,
    "interval": Interval(0.0037316, 0.0194167),
    "lower_bound": 0.0044975,
    "rows": 1373,
}
ANCHOR = AnchorComparison(
    anchor=0.8402, estimate=0.0089, interval=Interval(-0.0041, 0.0219), lower_bound=-0.01123, confidence=0.995
)


def view(**changed: Any) -> ComparisonView:
    shown = view_comparison(Comparison.model_validate(FOUND | changed))
    assert shown
    return shown


def slice_of(**found: Any) -> SliceComparison:
    values = {"column": "plan", "name": "yearly", "rows": 301, "worse": False, "reason": "as it is"}
    return SliceComparison.model_validate(values | found)


def test_the_whole_is_said_in_numbers_with_the_bound_beside_the_margin():
    (champion,) = view().wholes
    assert champion.estimate == "0.0116 better"
    assert champion.between == "99 % sure: between 0.0037 and 0.0194 better"
    assert champion.decides == "at least 0.0045 better; the margin allows 0.01 worse"
    assert champion.passed


def test_the_anchor_has_its_own_confidence_and_may_fail_alone():
    champion, anchor = view(against_anchor=ANCHOR).wholes
    assert champion.passed
    assert not anchor.passed
    assert anchor.between == "99.5 % sure: 0.0041 worse to 0.0219 better"
    assert anchor.decides == "at most 0.01123 worse; the margin allows 0.01 worse"


@pytest.mark.parametrize(("opponent", "estimate", "passed"), [("champion", -0.001, False), ("anchor", -0.001, True)])
def test_only_the_champion_has_to_be_beaten(opponent, estimate, passed):
    anchor = ANCHOR.model_copy(update={"estimate": estimate, "lower_bound": -0.009})
    shown = view(estimate=estimate, interval=Interval(-0.009, 0.007), lower_bound=-0.008, against_anchor=anchor)
    whole = next(each for each in shown.wholes if each.opponent == opponent)
    assert whole.passed is passed
    assert (whole.decides == "not better, so the champion stays") is not passed


def test_better_means_lower_for_an_error():
    shown = view(metric="rmse", estimate=251.4, interval=Interval(-120.2, 623.0), lower_bound=-90.1, margin=12340.0)
    assert shown.direction == "lower"
    assert shown.wholes[0].estimate == "251 better"
    assert shown.wholes[0].between == "99 % sure: 120 worse to 623 better"
    assert shown.wholes[0].decides == "at most 90.1 worse; the margin allows 12,340 worse"


def test_each_slice_has_its_difference_and_one_that_decides_nothing_has_none():
    worse = slice_of(estimate=-0.03142, interval=Interval(-0.0442, -0.0191), worse=True)
    measured, open_one = view(slices=(worse, slice_of())).slices
    assert (measured.estimate, measured.interval) == ("0.0314 worse", "0.0191 to 0.0442 worse")
    assert (open_one.estimate, open_one.interval) == (None, None)


def test_what_was_not_measured_has_no_view():
    assert view_comparison(Comparison.model_validate(FOUND | {"interval": None})) is None


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.0, 0.0), "equal"),
        (Interval(0.5, 0.5), "0.500 better"),
        (Interval(-0.004, 0.0), "0.00400 worse to equal"),
        (Interval(-0.0442, -0.0191), "between 0.0191 and 0.0442 worse"),
        (Interval(-1e-9, 0.02), "less than 0.0001 worse to 0.0200 better"),
        (Interval(-2e-9, 3e-9), "less than 0.000001 worse to less than 0.000001 better"),
        (Interval(-1.5e6, 2e6), "1,500,000 worse to 2,000,000 better"),
    ],
)
def test_an_interval_is_said_from_end_to_end(interval, text):
    assert tell_between(interval, count_decimals(interval)) == text


@pytest.mark.parametrize(
    ("bound", "margin", "text"),
    [
        (0.0, 0.01, "at least equal; the margin allows 0.01 worse"),
        (-0.01, 0.01, "at most 0.01 worse; the margin allows 0.01 worse"),
        (-0.010004, 0.01, "at most 0.010004 worse; the margin allows 0.01 worse"),
        (-0.005, 0.0, "at most 0.005 worse; the margin is 0"),
    ],
)
def test_a_bound_beyond_the_margin_never_reads_like_the_margin(bound, margin, text):
    assert tell_bound(bound, margin) == text


def test_no_difference_is_equal():
    assert tell_difference(0.0, 4) == "equal"


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"margin": 0.0},
        {"estimate": 0.0, "interval": Interval(0.0, 0.0), "lower_bound": 0.0},
        {"estimate": -0.5, "interval": Interval(-0.6, -0.4), "lower_bound": -0.59},
        {"estimate": 3e5, "interval": Interval(1e5, 5e5), "lower_bound": 1.2e5, "margin": 1e-6},
    ],
)
def test_the_drawing_leaves_room_for_the_words_at_both_lines(changed):
    shares = {
        word: float(across)
        for across, word in re.findall(r'<text class="tick" x="([\d.]+)%"[^>]*>(margin|equal)<', view(**changed).forest)
    }
    assert 13 < shares["margin"] <= shares["equal"] < 90
    assert all(-0.01 <= float(share) <= 100.01 for share in re.findall(r'="(-?[\d.]+)%"', view(**changed).forest))


def test_names_in_the_drawing_are_text():
    hostile = slice_of(name="<script>'\"&", estimate=0.001, interval=Interval(-0.02, 0.02))
    forest = view(slices=(hostile,)).forest
    assert "<script" not in forest
    assert forest.count("&lt;script&gt;&#x27;&quot;&amp;") == 3

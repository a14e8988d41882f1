"""The newest rows are held out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlkit.data.assignment import HOLDOUT, OUTSIDE, TRAINING, UNLABELLED, VALIDATION, Assignment
from airflow_mlkit.data.date_holdout import assign_by_date, find_cut, to_moments
from airflow_mlkit.spec.data import DateRangeHoldout

DAY = 86_400_000_000


def assign(
    days: list[int],
    holdout: DateRangeHoldout,
    *,
    as_of: datetime | None = None,
    maturity: timedelta | None = None,
    unlabelled: list[int] = (),  # type: ignore[assignment]
) -> Assignment:
    """Rows dated by days since 2026-01-01."""
    start = to_moments(pa.chunked_array([pa.array([datetime(2026, 1, 1)], pa.timestamp("us"))]))[0]
    mask = np.isin(np.arange(len(days)), list(unlabelled))
    return assign_by_date(start + np.array(days) * DAY, mask, holdout, as_of=as_of, maturity=maturity)


LAST_WEEK = DateRangeHoldout(sampling="date_range", last="7d")


def test_a_fixed_range_has_its_start_and_not_its_end() -> None:
    fixed = DateRangeHoldout(sampling="date_range", start=date(2026, 1, 11), end=date(2026, 1, 21))
    codes = assign(list(range(25)), fixed).codes
    assert np.flatnonzero(codes == HOLDOUT).tolist() == list(range(10, 20))
    assert np.flatnonzero(codes == OUTSIDE).tolist() == list(range(20, 25))


def test_the_last_stretch_is_counted_from_the_newest_row() -> None:
    assert np.flatnonzero(assign(list(range(30)), LAST_WEEK).codes == HOLDOUT).tolist() == list(range(23, 30))


def test_the_last_stretch_is_counted_from_the_newest_matured_label() -> None:
    as_of = datetime(2026, 1, 31, tzinfo=UTC)
    codes = assign(list(range(21)), LAST_WEEK, as_of=as_of, maturity=timedelta(days=10)).codes
    assert np.flatnonzero(codes == HOLDOUT).tolist() == list(range(14, 21))


def test_rows_that_arrive_late_still_make_a_whole_stretch() -> None:
    codes = assign(list(range(28)), LAST_WEEK, as_of=datetime(2026, 1, 31, tzinfo=UTC)).codes
    assert np.flatnonzero(codes == HOLDOUT).tolist() == list(range(21, 28))


def test_rows_without_a_label_are_in_no_part_and_move_no_date() -> None:
    codes = assign([*range(20), 50], LAST_WEEK, unlabelled=[0, 20]).codes
    assert np.flatnonzero(codes == UNLABELLED).tolist() == [0, 20]
    assert np.flatnonzero(codes == HOLDOUT).tolist() == list(range(13, 20))


def test_validation_is_the_newest_tenth_of_what_is_trained_on() -> None:
    codes = assign(list(range(107)), LAST_WEEK).codes
    assert np.flatnonzero(codes == VALIDATION).tolist() == list(range(90, 100))


@given(st.lists(st.integers(0, 40), min_size=2, max_size=200))
def test_rows_of_one_moment_stay_together(days: list[int]) -> None:
    assignment = assign(days, LAST_WEEK)
    for day in set(days):
        assert len({code for code, other in zip(assignment.codes, days, strict=True) if other == day}) == 1


@given(st.lists(st.integers(0, 40), min_size=1, max_size=200))
def test_every_training_row_is_older_than_every_validation_row_and_those_than_the_holdout(days: list[int]) -> None:
    codes = assign(days, LAST_WEEK).codes
    newest_first = [np.array(days)[codes == code] for code in (TRAINING, VALIDATION, HOLDOUT) if (codes == code).any()]
    assert all(older.max() < newer.min() for older, newer in pairwise(newest_first))


@pytest.mark.parametrize(
    ("moments", "cut"),
    [([1] * 90 + [2] * 10, 2), ([1, 2, 3, 4, 5], 5), ([1, 1, 1, 2] * 10, 2), ([3, 3, 3], None), ([], None)],
)
def test_the_cut_divides_no_moment_and_is_nearest_to_the_fraction(moments: list[int], cut: int | None) -> None:
    assert find_cut(np.array(moments, dtype=np.int64), 0.1) == cut

"""Every row of the holdout is in exactly one slice, under a name that a person reads."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_mlkit.evaluation.slices import MAX_SLICES, cut_declared, cut_slices
from airflow_mlkit.exceptions import UserError
from airflow_mlkit.spec.slices import RangeSlices


def _cut(values, type_=None):
    return {part.name: part.rows.tolist() for part in cut_slices(pa.chunked_array([pa.array(values, type_)]))}


def test_values_are_slices_with_the_frequent_first_and_missing_last():
    assert _cut(["US", None, "CA", "US"]) == {"US": [0, 3], "CA": [2], "(missing)": [1]}
    assert list(_cut(["US", None, "CA", "US"])) == ["US", "CA", "(missing)"]


def test_nan_is_missing_and_few_numbers_are_values():
    assert _cut([1.0, float("nan"), 0.5]) == {"1": [0], "0.5": [2], "(missing)": [1]}


def test_booleans_and_dictionaries_are_values():
    assert _cut([True, False, True]) == {"true": [0, 2], "false": [1]}
    assert _cut(pa.array(["a", "b"]).dictionary_encode()) == {"a": [0], "b": [1]}


def test_many_numbers_are_ranges_of_about_as_many_rows():
    found = _cut(list(range(1000)))
    assert list(found) == ["under 200", "200 to under 400", "400 to under 600", "600 to under 800", "800 and over"]
    assert {len(rows) for rows in found.values()} == {200}


def test_infinities_lie_in_the_outer_ranges():
    found = _cut([float("inf"), float("-inf"), *np.arange(1000.0)])
    assert 1 in found["under 200"]
    assert 0 in found["800 and over"]


def test_many_dates_are_ranges_of_days():
    days = [datetime(2026, 1, 1) + timedelta(days=n) for n in range(100)]
    assert next(iter(_cut(days, pa.timestamp("us")))) == "under 2026-01-21"
    assert list(_cut(days, pa.timestamp("us", "UTC")))[-1] == "2026-03-21 and over"


def test_of_many_texts_the_rest_is_one_slice_that_says_how_many():
    found = _cut([f"city {n % 50}" for n in range(500)] + ["city 7"])
    assert len(found) == MAX_SLICES
    assert next(iter(found)) == "city 7"
    assert len(found["(31 other values)"]) == 310


def test_a_value_is_never_taken_for_missing():
    assert _cut(["(missing)", None]) == {'"(missing)"': [0], "(missing)": [1]}
    assert _cut([" ", None]) == {'" "': [0], "(missing)": [1]}


@pytest.mark.parametrize("values", [[], [None, None]])
def test_empty_and_fully_missing_columns(values):
    assert _cut(values, pa.string()) == ({"(missing)": [0, 1]} if values else {})


def _cut_at(values, edges, type_=None):
    ranges = RangeSlices(column="x", ranges=edges)
    return {part.name: part.rows.tolist() for part in cut_slices(pa.chunked_array([pa.array(values, type_)]), ranges)}


def test_ranges_of_ones_own_are_open_at_both_ends_and_an_edge_belongs_to_the_range_above():
    assert _cut_at([1, 100, None, -5, 99.9, float("nan"), float("inf")], [0, 100, 1000]) == {
        "under 0": [3],
        "0 to under 100": [0, 4],
        "100 to under 1,000": [1],
        "1,000 and over": [6],
        "(missing)": [2, 5],
    }


def test_a_range_without_rows_is_there_and_empty():
    assert _cut_at([], [1.5]) == {"under 1.5": [], "1.5 and over": []}
    assert _cut_at([None], [7], pa.int64()) == {"under 7": [], "7 and over": [], "(missing)": [0]}


def test_an_edge_is_the_same_number_in_a_column_of_fewer_bits():
    assert _cut_at([0.7], [0.7], pa.float32()) == {"under 0.7": [], "0.7 and over": [0]}


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_ranges_of_dates_begin_with_the_day_and_a_time_counts_in_utc(zone):
    moments = [datetime(2026, 1, 1), datetime(2025, 12, 31, 23, 59, 59), datetime(2026, 1, 2, 9), None]
    assert _cut_at(moments, [date(2026, 1, 1), "2026-01-02T10:00:00+01:00"], pa.timestamp("us", zone)) == {
        "under 2026-01-01": [1],
        "2026-01-01 to under 2026-01-02 10:00:00+01:00": [0],
        "2026-01-02 10:00:00+01:00 and over": [2],
        "(missing)": [3],
    }


@pytest.mark.parametrize(
    ("column", "edges", "said"),
    [
        (
            pa.array(["a"]),
            [1],
            r"evaluate.slices\[1\].ranges are numbers, and column x holds neither numbers nor dates",
        ),
        (pa.array([1]), [date(2026, 1, 1)], "are dates, and column x holds numbers"),
        (pa.array([datetime(2026, 1, 1)]), [1], "are numbers, and column x holds dates"),
        (pa.array([True]), [1], "holds neither numbers nor dates"),
    ],
)
def test_edges_of_another_kind_than_the_column_are_refused(column, edges, said):
    raw = pa.table({"y": column, "x": column})
    with pytest.raises(UserError, match=said):
        cut_declared(raw, ["y", RangeSlices(column="x", ranges=edges)])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.floats(width=32)), max_size=40),
    st.lists(
        st.one_of(st.integers(-(10**18), 10**18), st.floats(allow_nan=False, allow_infinity=False)), min_size=1
    ).map(lambda edges: sorted(set(map(float, edges)))[:19]),
)
def test_every_row_is_in_exactly_one_range_of_ones_own(values, edges):
    parts = cut_slices(pa.chunked_array([pa.array(values, pa.float64())]), RangeSlices(column="x", ranges=edges))
    assert sorted(row for part in parts for row in part.rows.tolist()) == list(range(len(values)))
    assert len({part.name for part in parts}) == len(parts) >= len(edges) + 1


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.lists(st.one_of(st.none(), st.floats(width=32)), max_size=80),
        st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=80),
        st.lists(st.one_of(st.none(), st.integers(-(2**40), 2**40)), max_size=80),
    )
)
def test_every_row_is_in_exactly_one_slice(values):
    parts = cut_slices(pa.chunked_array([pa.array(values)]))
    assert sorted(row for part in parts for row in part.rows.tolist()) == list(range(len(values)))
    assert len({part.name for part in parts}) == len(parts)
    assert all(len(part.rows) for part in parts)

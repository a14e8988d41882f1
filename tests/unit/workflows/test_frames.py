"""Any frame becomes float32 numbers and categories with fixed lists."""

from __future__ import annotations

import decimal
import logging

import numpy as np
import pandas as pd
import pytest

from airflow_mlkit.data.split_record import FeatureColumn
from airflow_mlkit.exceptions import DataError
from airflow_mlkit.workflows.frames import to_feature_frame

NUMBER = FeatureColumn(name="n", type="number")
WORD = FeatureColumn(name="w", type="category", categories=("1", "b"))


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([1, None], dtype="Int64"),
        pd.Series([1, None], dtype="float64[pyarrow]"),
        pd.Series([True, None], dtype="boolean"),
        pd.Series([True, None], dtype=object),
        pd.Series([decimal.Decimal(1), None]),
        pd.Series(["1", None], dtype=object),
        pd.Series(["1.0", None], dtype="string[pyarrow]"),
        pd.Series(["1", None], dtype="category"),
        pd.Series([1.0, float("inf")]),
        pd.Series([1.0, 1e300]),
    ],
    ids=lambda values: f"{values.dtype}",
)
def test_a_number_is_read_from_any_dtype(values):
    """Infinite, and what is infinite in float32, is missing."""
    made = to_feature_frame(pd.DataFrame({"n": values}), [NUMBER])["n"]
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made.to_numpy(), np.array([1, np.nan], dtype="float32"))


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(["b", "1", None], dtype=object),
        pd.Series(["b", "1", None], dtype="string"),
        pd.Series(["b", "1", None], dtype="category"),
        pd.Series(["b", 1, None], dtype=object),
        pd.Series(["b", "1", "unseen"]),
    ],
)
def test_a_category_gets_the_fixed_list(values):
    made = to_feature_frame(pd.DataFrame({"w": values}), [WORD])["w"]
    assert list(made.cat.categories) == ["1", "b"]
    assert made.cat.codes.tolist() == [1, 0, -1]


def test_unseen_categories_are_counted_in_the_log(caplog):
    caplog.set_level(logging.INFO, "airflow_mlkit")
    to_feature_frame(pd.DataFrame({"w": ["b", "x", "y", None]}), [WORD])
    assert "'w': 2 values were not seen in training and are taken as missing" in caplog.text


def test_columns_come_in_the_models_order_and_keep_the_index():
    frame = pd.DataFrame({"w": ["b"], "other": [0], "n": [3]}, index=[42])
    made = to_feature_frame(frame, [NUMBER, WORD])
    assert list(made.columns) == ["n", "w"]
    assert made.index.tolist() == [42]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"w": ["b"]}), "the rows lack 'n'"),
        (pd.DataFrame({"n": pd.to_datetime(["2026-01-01"])}), "holds datetime64"),
        (pd.DataFrame({"n": ["1", "many"]}), "1 of 2 values are no numbers, such as 'many'"),
        (pd.DataFrame([[1, 2]], columns=["n", "n"]), "the rows have 'n' twice"),
    ],
)
def test_what_cannot_be_read_is_refused(frame, message):
    with pytest.raises(DataError, match=message):
        to_feature_frame(frame, [NUMBER])

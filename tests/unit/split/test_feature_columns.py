"""What `features()` may return, and what it becomes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from airflow_mlkit.data.feature_columns import CATEGORY, FeatureColumns, encode_column
from airflow_mlkit.exceptions import WorkflowError


def encode(*frames: pd.DataFrame, training: int = 1) -> list[pd.DataFrame]:
    """The frames as they end up; the first `training` of them are the training part."""
    columns = FeatureColumns("label")
    batches = [columns.encode(frame, is_training=number < training) for number, frame in enumerate(frames)]
    features = columns.features()
    names = [feature.name for feature in features]
    return [pa.record_batch(columns.unify(batch, features), names=names).to_pandas() for batch in batches]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, 0, 2]),
        pd.Series([1.0, np.nan, 2.0]),
        pd.Series([True, False, True]),
        pd.Series([1, None, 2], dtype="Int64"),
        pd.Series([True, None, False], dtype="boolean"),
        pd.Series([1, None, 2.5], dtype=object),
        pd.Series([True, None, False], dtype=object),
        pd.Series([1.0, None, 2.0], dtype="double[pyarrow]"),
        pd.Series([0.0, 0.0, 2.0], dtype=pd.SparseDtype(float, 0.0)),
    ],
    ids=str,
)
def test_numbers_become_float32_with_nan_for_what_is_missing(column: pd.Series[Any]) -> None:
    array = encode_column("x", column)
    assert array.type == pa.float32()
    assert array.null_count == 0
    expected = [np.nan if pd.isna(value) else float(value) for value in column]
    np.testing.assert_array_equal(array.to_numpy(), np.array(expected, dtype=np.float32))


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["b", None, "a"]),
        pd.Series(["b", None, "a"], dtype=object),
        pd.Series(["b", None, "a"], dtype="category"),
        pd.Series(["b", None, "a"], dtype="string"),
        pd.Series(["b", None, "a"], dtype="string[pyarrow]"),
    ],
    ids=lambda column: str(column.dtype),
)
def test_texts_become_categories(column: pd.Series[Any]) -> None:
    array = encode_column("x", column)
    assert array.type == CATEGORY
    assert array.to_pylist() == ["b", None, "a"]


def test_categories_of_numbers_and_of_bins_become_their_texts() -> None:
    assert encode_column("x", pd.Series([2, 1], dtype="category")).to_pylist() == ["2", "1"]
    assert encode_column("x", pd.cut(pd.Series([1, 9]), [0, 5, 10])).to_pylist() == ["(0, 5]", "(5, 10]"]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pd.Series(pd.to_datetime(["2026-01-01"])), "datetime64"),
        (pd.Series(pd.to_timedelta(["1d"])), "timedelta64"),
        (pd.Series([1, "a"], dtype=object), "mixed-integer: 1, 'a'"),
        (pd.Series([[1], [2]]), "mixed: "),
        (pd.Series([1j]), "complex"),
        (pd.Series([1.0, np.inf]), "infinite, or too large for float32, in 1 of 2 rows, such as inf"),
        (pd.Series([1e39]), "too large for float32"),
        (pd.Series([pd.Timestamp("2026-01-01").date()]), "date"),
    ],
)
def test_columns_that_no_model_is_fitted_on_are_refused_by_name(column: pd.Series[Any], message: str) -> None:
    with pytest.raises(WorkflowError, match=message) as caught:
        encode_column("amount", column)
    assert "'amount'" in caught.value.message
    assert caught.value.hint


def test_categories_come_sorted_from_the_training_part_and_others_become_missing() -> None:
    training, holdout = encode(pd.DataFrame({"x": ["c", "a"]}), pd.DataFrame({"x": ["a", "zebra"]}))
    assert list(training["x"].cat.categories) == list(holdout["x"].cat.categories) == ["a", "c"]
    assert holdout["x"].isna().tolist() == [False, True]


def test_a_category_that_no_row_uses_is_not_learned() -> None:
    column = pd.Series(["a"], dtype=pd.CategoricalDtype(["a", "never"]))
    (training,) = encode(pd.DataFrame({"x": column}))
    assert list(training["x"].cat.categories) == ["a"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_batch_without_any_value_does_not_decide_what_a_column_is(order: int) -> None:
    empty = pd.DataFrame({"n": [None, None], "c": [None, None]}, dtype=object)
    full = pd.DataFrame({"n": pd.Series([1, 2], dtype=object), "c": ["a", "b"]})
    frames = encode(*[empty, full][::order], training=2)
    assert [str(frame["n"].dtype) for frame in frames] == ["float32", "float32"]
    assert [list(frame["c"].cat.categories) for frame in frames] == [["a", "b"], ["a", "b"]]


def test_a_column_without_any_value_at_all_is_a_number() -> None:
    (frame,) = encode(pd.DataFrame({"x": pd.Series([None, None], dtype=object)}))
    assert frame["x"].dtype == np.float32
    assert frame["x"].isna().all()


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({"a": [1]}, {"a": [1], "b": [2]}, "with 'b'"),
        ({"a": [1], "b": [1]}, {"a": [1]}, "without 'b'"),
        ({"a": [1], "b": [1]}, {"b": [1], "a": [1]}, "in another order"),
        ({"a": [1]}, {"a": ["x"]}, "as a number for some rows and as a category for others"),
        ({"label": [1]}, {}, "returned the label 'label'"),
    ],
)
def test_columns_may_not_change_between_batches(first: dict[str, Any], second: dict[str, Any], message: str) -> None:
    with pytest.raises(WorkflowError, match=message):
        encode(pd.DataFrame(first), pd.DataFrame(second))

"""Labels become codes, or the reason why they cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from airflow_mlkit.data.labels import EncodedLabels, encode_labels, is_unlabelled
from airflow_mlkit.exceptions import DataError
from airflow_mlkit.spec.pipeline import BinaryProblem, MulticlassProblem, Problem, RegressionProblem

MULTICLASS = MulticlassProblem(kind="multiclass")
REGRESSION = RegressionProblem(kind="regression")


def binary(positive: Any) -> BinaryProblem:
    return BinaryProblem(kind="binary", positive=positive)


def encode(values: list[Any], problem: Problem, kind: pa.DataType | None = None) -> EncodedLabels:
    label = pa.chunked_array([pa.array(values, kind)])
    return encode_labels("y", label, ~is_unlabelled(label), problem)


@pytest.mark.parametrize(
    ("values", "positive", "classes"),
    [
        (["No", "Yes", None], "Yes", ("No", "Yes")),
        ([True, False, None], True, (False, True)),
        ([1, 0, None], 1, (0, 1)),
        ([1.0, 0.0, float("nan")], 1, (0.0, 1.0)),
        ([1, 0], True, (0, 1)),
        ([True, False], 1, (False, True)),
        (["True", "False"], True, ("False", "True")),
        (["true", "false"], True, ("false", "true")),
        (["1", "0"], 1, ("0", "1")),
        ([1, 2], "2", (1, 2)),
        (["yes", "YES"], "yes", ("YES", "yes")),
        (["'; DROP TABLE\n", "{{ x }}"], "{{ x }}", ("'; DROP TABLE\n", "{{ x }}")),
    ],
)
def test_the_positive_value_is_found_however_typed(values: list[Any], positive: Any, classes: tuple[Any, ...]) -> None:
    encoded = encode(values, binary(positive))
    assert encoded.classes == classes
    assert encoded.codes[0] == classes.index(values[0])
    assert encoded.codes.dtype == np.int32


def test_multiclass_codes_are_positions_in_the_sorted_values() -> None:
    encoded = encode([10, 9, 7, 9, 7, 10, None], MULTICLASS)
    assert encoded.classes == (7, 9, 10)
    assert encoded.codes.tolist() == [2, 1, 0, 1, 0, 2, 0]
    assert encoded.counts(np.array([True] * 6 + [False])) == (2, 2, 2)


def test_a_regression_keeps_its_numbers() -> None:
    encoded = encode([1, None, 3], REGRESSION)
    assert encoded.codes.tolist() == [1.0, 0.0, 3.0]
    assert encoded.codes.dtype == np.float64
    assert encoded.classes == ()


@pytest.mark.parametrize(
    ("values", "problem", "message"),
    [
        (["a", "b", "c"], binary("a"), "has 3 values, and a binary problem has two: 'a', 'b', 'c'"),
        (["a", "b"], binary("yes"), "problem.positive is 'yes', and the label 'y' never is; it is 'a', 'b'"),
        (["a", "a"], binary("a"), "is 'a' in every row; there is nothing to learn"),
        ([3, 3], MULTICLASS, "is 3 in every row"),
        ([3.5, 3.5], REGRESSION, "is 3.5 in every row"),
        ([f"id-{row}" for row in range(50)], MULTICLASS, "has 50 different values in 50 rows"),
        ([row % 201 for row in range(5000)], MULTICLASS, "has 201 different values in 5,000 rows"),
        (["12", "x"], REGRESSION, "holds text, and a regression needs numbers"),
        ([True, False], REGRESSION, "holds true and false"),
        ([1.0, None, float("inf"), float("-inf")], REGRESSION, "infinite in 2 rows, first in row 3"),
    ],
)
def test_labels_that_do_not_fit_the_problem_are_refused(values: list[Any], problem: Problem, message: str) -> None:
    with pytest.raises(DataError, match=message):
        encode(values, problem)

"""What answers are worth, in the words of mlkit.yaml."""

import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from airflow_mlkit.evaluation.gains import price_answers
from airflow_mlkit.evaluation.metrics import measure
from airflow_mlkit.exceptions import DataError, UserError
from airflow_mlkit.spec.costs import Costs

LABELS = np.array([0, 1, 1])
RAW = pa.table({"amount": [10.0, 20.0, 30.0], "name": ["a", "b", "c"], "gap": [1.0, None, float("nan")]})


def price(costs, labels=LABELS, classes=2):
    return price_answers(TypeAdapter(Costs).validate_python(costs), labels, RAW, classes)


def test_a_miss_may_cost_what_the_row_says_and_a_false_alarm_the_same_for_all():
    gains = price({"miss": "amount", "false_alarm": 5, "hit": 1})
    assert gains.tolist() == [[0, -5], [-20, -1], [-30, -1]]


def test_a_matrix_has_a_row_for_each_true_class():
    gains = price({"matrix": [[0, 1, 2], [3, 0, 4], [5, 6, 0]]}, np.array([2, 0]), classes=3)
    assert gains.tolist() == [[-5, -6, 0], [0, -1, -2]]


def test_value_is_the_mean_of_what_the_answers_are_worth():
    gains = price({"miss": "amount", "false_alarm": 5})
    found = measure("binary", LABELS, np.array([0.9, 0.9, 0.1]), gains=gains)
    assert found.values["value"] == pytest.approx((-5 + 0 - 30) / 3)
    assert "value" not in measure("binary", LABELS, np.array([0.9, 0.9, 0.1])).values


def test_a_predicted_quantile_has_its_loss():
    found = measure("regression", np.array([1.0, 2.0]), np.array([2.0, 1.0]), quantile=0.9)
    assert found.values["quantile_loss"] == pytest.approx((0.1 + 0.9) / 2)


def test_scores_that_are_no_numbers_have_no_value():
    gains = price({"miss": 100})
    assert measure("binary", LABELS, np.array([0.9, np.nan, 0.1]), gains=gains).values["value"] is None


@pytest.mark.parametrize(
    ("costs", "error", "said"),
    [
        ({"miss": "name"}, DataError, "the column 'name' holds string, and amounts are numbers"),
        ({"miss": "gap"}, DataError, "2 of 3 amounts in the column 'gap' of the holdout are missing"),
        ({"matrix": [[0, 1], [1, 0], [1, 1]]}, ValidationError, "is not square"),
        ({"miss": [5]}, ValidationError, "is neither an amount nor a column"),
        ({"miss": float("nan")}, ValidationError, "is neither an amount nor a column"),
        ({"miss": True}, ValidationError, "is neither an amount nor a column"),
        ({"mis": 5}, Exception, "did you mean miss"),
    ],
)
def test_costs_that_make_no_sense_are_refused_in_a_sentence(costs, error, said):
    with pytest.raises(error, match=said):
        price(costs)


def test_a_matrix_of_another_size_than_the_problem_is_refused():
    with pytest.raises(UserError, match="is for 2 classes, and the label has 3"):
        price({"matrix": [[0, 1], [1, 0]]}, classes=3)

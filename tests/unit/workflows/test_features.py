"""Calling a user's features(): what it may return, and what it never changes."""

from __future__ import annotations

import pandas as pd
import pytest

from airflow_mlkit.exceptions import WorkflowError
from airflow_mlkit.workflows import Workflow
from airflow_mlkit.workflows.features import apply_features

RAW = pd.DataFrame({"amount": [1.0, 2.0, None], "country": ["GB", None, "US"]}, index=[5, 6, 9])


def make(features):
    return type("Own", (), {"features": features})()


def test_without_features_the_frame_is_handed_on_as_it_is():
    class Plain(Workflow):
        def train(self, training_dataframe, validation_dataframe):
            return None

    assert apply_features(Plain(), RAW) is RAW
    assert apply_features(type("Duck", (), {})(), RAW) is RAW


def test_the_given_frame_is_not_changed_by_what_features_does_to_it():
    def features(self, frame):
        frame["double"] = frame["amount"] * 2
        frame.loc[5, "amount"] = -1
        return frame

    before = RAW.copy()
    made = apply_features(make(features), RAW)
    assert list(made.columns) == ["amount", "country", "double"]
    pd.testing.assert_frame_equal(RAW, before)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (lambda self, frame: None, "returned None, not a DataFrame"),
        (lambda self, frame: frame["amount"], "returned a Series, not a DataFrame"),
        (lambda self, frame: frame.dropna(), "returned 1 rows for 3"),
        (lambda self, frame: frame.iloc[::-1], "in another order"),
        (lambda self, frame: frame.reset_index(drop=True), "with another index"),
        (lambda self, frame: frame[[]], "returned no column"),
        (lambda self, frame: frame.rename(columns={"amount": 7}), "a column named 7"),
        (lambda self, frame: frame[["amount", "amount"]], "the column 'amount' twice"),
        (lambda self, frame: frame["nowhere"], "raised KeyError: 'nowhere'"),
    ],
)
def test_what_features_returns_is_checked(features, message):
    with pytest.raises(WorkflowError, match=message):
        apply_features(make(features), RAW)


def test_what_features_raises_is_told_with_its_file_and_line():
    def features(self, frame):
        return frame / 0 / "text"

    with pytest.raises(WorkflowError, match=r"test_features.py:\d+ in features\n    return frame / 0 / \"text\""):
        apply_features(make(features), RAW)

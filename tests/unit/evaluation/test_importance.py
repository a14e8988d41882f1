"""A column matters as much as shuffling it costs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from airflow_mlkit.evaluation import importance
from airflow_mlkit.evaluation.importance import measure_importance
from airflow_mlkit.evaluation.plots import shown_importance


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    kinds = pd.Categorical(rng.choice(["a", "b"], 300), categories=["a", "b", "never"])
    return pd.DataFrame({"signal": rng.normal(size=300), "noise": rng.normal(size=300), "kind": kinds})


def _predict(frame):
    assert list(frame["kind"].cat.categories) == ["a", "b", "never"]
    return 3 * frame["signal"].to_numpy() + (frame["kind"] == "a").to_numpy()


def test_what_the_model_does_not_use_costs_nothing(frame):
    found = measure_importance(_predict, frame, _predict(frame) + 0.1, "regression", seed=0)
    assert found["noise"] == 0
    assert found["signal"] > found["kind"] > 0
    assert [bar.name for bar in shown_importance(found)] == ["signal", "kind", "noise"]
    assert shown_importance(found)[0].share == 1


def test_copies_scored_at_once_or_one_by_one_give_the_same(frame, monkeypatch):
    labels = _predict(frame)
    at_once = measure_importance(_predict, frame, labels, "regression", seed=0)
    monkeypatch.setattr(importance, "_ROWS_AT_ONCE", 1)
    assert measure_importance(_predict, frame, labels, "regression", seed=0) == at_once


def test_nothing_is_said_where_the_cost_is_undefined(frame):
    assert measure_importance(_predict, frame.iloc[:0], np.empty(0), "regression", seed=0) is None

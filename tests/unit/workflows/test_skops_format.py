"""The canonical archive, and what it may hold."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import skops.io
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from airflow_mlkit.exceptions import ModelError
from airflow_mlkit.workflows.skops_format import canonical_archive, dump_estimator, load_estimator
from airflow_mlkit.workflows.trusted_types import REVIEWED_TYPES, say_untrusted, trusted_names


def fit(model):
    rows, labels = load_iris(return_X_y=True)
    return model.fit(rows, labels)


@pytest.mark.parametrize(
    "model",
    [make_pipeline(StandardScaler(), LogisticRegression()), HistGradientBoostingClassifier(max_iter=3, random_state=0)],
    ids=["pipeline", "boosting"],
)
def test_two_fits_of_one_model_are_the_same_bytes_and_load_again(model, tmp_path):
    rows, _ = load_iris(return_X_y=True)
    first, second = dump_estimator(fit(model), "own", ()), dump_estimator(fit(model), "own", ())
    assert first == second
    assert skops.io.dumps(model) != skops.io.dumps(model)
    (tmp_path / "model.skops").write_bytes(first)
    loaded = load_estimator(tmp_path / "model.skops", "own", ())
    assert np.array_equal(loaded.predict_proba(rows), model.predict_proba(rows))


def test_the_order_of_a_set_does_not_count():
    """8 and 0 fall into one slot of a small set, so the order in which they came shows."""
    one, other = set([0, 8]), set([8, 0])  # noqa: C405
    assert list(one) != list(other)
    assert canonical_archive(skops.io.dumps(one)) == canonical_archive(skops.io.dumps(other))


def test_an_object_that_is_met_twice_is_loaded_once(tmp_path):
    scaler = StandardScaler()
    content = canonical_archive(skops.io.dumps(make_pipeline(scaler, scaler)))
    loaded = skops.io.loads(content)
    assert len(loaded.steps) == 2


def test_a_damaged_file_is_a_model_error(tmp_path):
    (tmp_path / "model.skops").write_bytes(b"no archive")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_estimator(tmp_path / "model.skops", "own", ())


@pytest.mark.parametrize("name", sorted(REVIEWED_TYPES))
def test_each_reviewed_type_is_still_where_it_was(name):
    module, _, short = name.rpartition(".")
    assert hasattr(importlib.import_module(module), short)


def test_a_type_outside_the_package_is_never_trusted_by_a_declaration():
    assert "os.system" not in trusted_names("own", ["os.system", "own.steps.Clean"])
    assert "own.steps.Clean" in trusted_names("own", ["own.steps.Clean"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own.steps.Clean", "train.trusted_types: [own.steps.Clean]"),
        ("own.steps.<lambda>", "no name to load it by"),
        ("own.steps.make.<locals>.Clean", "made inside a function"),
        ("__main__.Clean", "Clean is defined in __main__"),
        ("lightgbm.LGBMClassifier", "not on the reviewed list"),
    ],
)
def test_a_refused_type_is_told_what_to_do(name, message):
    assert message in say_untrusted(name, "own")

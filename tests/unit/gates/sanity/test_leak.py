"""Features that give the label away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from airflow_mlkit.gates.sanity.leak import check_leak, judge_alone
from airflow_mlkit.spec.sanity import LeakCheck

from .parts import build_parts

LEAK = LeakCheck()


def rows(kind: str, count: int, seed: int, **leaks: Any) -> dict[str, Any]:
    """An honest feature `x`, the label `y`, and further features made of the label."""
    random = np.random.default_rng(seed)
    x = random.normal(size=count)
    y: np.ndarray = x + random.normal(size=count)
    if kind != "regression":
        y = np.digitize(y, [0.0] if kind == "binary" else [-0.7, 0.7]).astype(np.int64)
    return {"y": y, "x": x} | {name: leak(y, random) for name, leak in leaks.items()}


def look(kind: str, count: int = 800, check: LeakCheck = LEAK, **leaks: Any):
    training, validation, holdout = (rows(kind, n, seed, **leaks) for seed, n in enumerate((count, 50, count)))
    labels = holdout["y"]
    scores = np.eye(3)[labels] * 0.9 + 0.03 if kind == "multiclass" else labels * 0.9 + 0.05
    return check_leak(check, kind, build_parts(training, validation, holdout), scores)


def only_when_positive(y: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return np.where(y == 1, random.normal(size=len(y)), np.nan)


def coded(y: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return np.array([7, 0, 3])[y]


@pytest.mark.parametrize(
    ("kind", "leak"),
    [
        ("binary", lambda y, random: 1.0 * y),
        ("binary", lambda y, random: -5.0 * y + random.random(len(y))),
        ("binary", only_when_positive),
        ("binary", coded),
        ("multiclass", lambda y, random: 1.0 * np.array([5, 9, 2])[y]),
        ("multiclass", coded),
        ("regression", lambda y, random: 3.6 * y + 32),
        ("regression", lambda y, random: -np.exp(y)),
    ],
)
def test_a_column_made_of_the_label_is_named(kind: str, leak: Any):
    result = look(kind, copy=leak)
    assert result.features == ("copy",)
    assert result.reason.startswith("the label can be told from 'copy' alone (")
    assert result.reason.endswith("as if it was written down after the label")


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_honest_features_pass_and_the_strongest_is_told(kind: str):
    result = look(kind, noise=lambda y, random: random.normal(size=len(y)))
    assert result.passed
    assert "'x' comes closest" in result.reason


def test_a_rare_positive_is_found_by_the_tail_of_a_number():
    random = np.random.default_rng(0)
    parts = []
    for count in (100_000, 100, 100_000):
        y = (np.arange(count) % 500 == 0).astype(np.int64)
        parts.append({"y": y, "x": random.normal(size=count), "t": random.random(count) + 5 * y})
    split = build_parts(*parts)
    assert check_leak(LEAK, "binary", split, split.holdout.features["t"]).features == ("t",)


def test_categories_by_which_training_rows_are_told_apart_leak_nothing():
    ids = build_parts(
        *({"y": np.arange(400) % 2, "id": np.full(400, -1) if held else np.arange(400)} for held in (0, 0, 1))
    )
    assert judge_alone("binary", ids, "id") == 0.5


@pytest.mark.parametrize("count", [30, 150])
def test_few_rows_prove_no_leak(count: int):
    result = look("binary", count, copy=lambda y, random: 1.0 * y)
    assert result.passed
    assert "may be perfect by chance" in result.reason


def test_a_model_of_one_feature_is_that_feature():
    parts = build_parts(*({"y": np.arange(600) % 2, "x": 1.0 * (np.arange(600) % 2)} for _ in range(3)))
    assert check_leak(LEAK, "binary", parts, parts.holdout.features["x"]).passed


def test_a_feature_that_is_far_behind_the_model_is_no_leak_at_any_limit():
    assert look("binary", check=LeakCheck(at_most=0.6)).passed


def test_an_ignored_column_may_be_as_good_as_the_model():
    assert look("binary", check=LeakCheck(ignore=("copy",)), copy=lambda y, random: 1.0 * y).passed


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_broken_scores_and_one_class_are_nothing_to_compare_with(bad: float):
    parts = build_parts(*({"y": np.arange(600) % 2, "x": np.arange(600.0), "z": np.arange(600)} for _ in range(3)))
    assert check_leak(LEAK, "binary", parts, np.full(600, bad)).passed
    one = build_parts(*({"y": np.ones(600, int), "x": np.arange(600.0), "z": np.arange(600)} for _ in range(3)))
    assert check_leak(LEAK, "binary", one, np.arange(600.0)).passed
    assert check_leak(LEAK, "multiclass", one, np.eye(3)[np.ones(600, int)]).passed


def test_a_feature_without_any_value_tells_nothing():
    parts = build_parts(
        *({"y": np.arange(600) % 2, "x": np.full(600, np.nan), "c": np.full(600, -1)} for _ in range(3))
    )
    assert check_leak(LEAK, "binary", parts, np.arange(600.0)).measured == 0.5

"""Rows that could be a project's data: made from what its mlkit.yaml and its suite say of each column."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from airflow_mlkit.data.frame import to_frame
from airflow_mlkit.data.types import arrow_type
from airflow_mlkit.project import Project
from airflow_mlkit.spec.data import DateRangeHoldout
from airflow_mlkit.spec.pipeline import BinaryProblem, RegressionProblem
from airflow_mlkit.spec.values import ColumnType

_NEWEST = datetime(2026, 1, 1, tzinfo=UTC)
_SPAN = timedelta(days=365)
_NOISE = 0.15


def sample_features(project: Project, rows: int = 50, *, seed: int = 0) -> pd.DataFrame:
    """Raw rows as `features()` is given them."""
    return to_frame(sample_table(project, rows, seed=seed).select(list(project.spec.data.features)))


def sample_table(project: Project, rows: int = 1000, *, seed: int = 0) -> pa.Table:
    """Made-up rows with every column that the project reads. They pass its suite, and the label hangs on the features.

    Args:
        project: its spec says the types, its suite the ranges and the values.
        rows: how many.
        seed: the same seed makes the same rows.
    """
    rng = np.random.default_rng(seed)
    facts = _read_suite(project)
    label = project.spec.data.label
    names = [name for name in _column_names(project) if name != label]
    columns = {name: _make_column(project, name, facts.get(name, {}), rows, rng) for name in names}
    latent = _latent({name: columns[name] for name in project.spec.data.features}, rng)
    columns[label] = _make_label(project, facts.get(label, {}), latent)
    return pa.table(columns)


def _column_names(project: Project) -> list[str]:
    data, evaluate, predict = project.spec.data, project.spec.evaluate, project.spec.predict
    key = () if isinstance(data.holdout, DateRangeHoldout) else data.holdout.key_columns
    others = [
        data.date_column,
        evaluate.groups,
        *key,
        *evaluate.slice_columns,
        *(evaluate.costs.columns if evaluate.costs else ()),
        *(predict.output.key_columns if predict else ()),
    ]
    return list(dict.fromkeys([*data.features, data.label, *(name for name in others if name)]))


def _read_suite(project: Project) -> dict[str, dict[str, Any]]:
    """What the suite says of each column: the arguments of its expectations by their type."""
    text = project.file(project.spec.validation.suite).read_text(encoding="utf-8")
    facts: dict[str, dict[str, Any]] = {}
    for expectation in json.loads(text).get("expectations", []):
        kwargs = expectation.get("kwargs", {})
        if "column" in kwargs:
            facts.setdefault(kwargs["column"], {})[expectation["type"]] = kwargs
    return facts


def _make_column(project: Project, name: str, facts: dict[str, Any], rows: int, rng: np.random.Generator) -> pa.Array:
    word = project.spec.data.types.get(name) or _guess_type(facts)
    if name == project.spec.data.date_column or word == "date":
        return _dates(project, rows)
    if "expect_column_values_to_be_unique" in facts:
        return pa.array(range(rows) if word == "integer" else [f"{name}-{row}" for row in range(rows)])
    if values := facts.get("expect_column_values_to_be_in_set", {}).get("value_set"):
        return pa.array([values[index] for index in rng.integers(len(values), size=rows)], arrow_type(word))
    if word == "boolean":
        return pa.array(rng.random(rows) < 0.5)
    if word in ("category", "text"):
        return pa.array([f"value-{index}" for index in rng.integers(5, size=rows)])
    return _numbers(word, _range(facts), rng.random(rows))


def _guess_type(facts: dict[str, Any]) -> ColumnType:
    values = facts.get("expect_column_values_to_be_in_set", {}).get("value_set", [])
    if all(isinstance(value, bool) for value in values) and values:
        return "boolean"
    if values and not all(isinstance(value, (int, float)) for value in values):
        return "category"
    is_number = values or "expect_column_values_to_be_between" in facts or "expect_column_median_to_be_between" in facts
    return "number" if is_number else "category"


def _range(facts: dict[str, Any]) -> tuple[float, float]:
    """Where the values lie: around where the median may be, or in the whole range."""
    said = facts.get("expect_column_median_to_be_between") or facts.get("expect_column_values_to_be_between") or {}
    low = said.get("min_value", 0)
    return float(low), float(said.get("max_value", low + 1))


def _numbers(word: ColumnType, limits: tuple[float, float], shares: Any) -> pa.Array:
    low, high = limits
    values = low + (high - low) * np.asarray(shares)
    return pa.array(np.round(values).astype(np.int64) if word == "integer" else values, arrow_type(word))


def _dates(project: Project, rows: int) -> pa.Array:
    """Evenly spaced dates, of which the holdout takes the last part."""
    holdout = project.spec.data.holdout
    newest, span = _NEWEST, _SPAN
    if isinstance(holdout, DateRangeHoldout) and holdout.start and holdout.end:
        newest = datetime.combine(holdout.end, time(), UTC) - timedelta(seconds=1)
        span = (holdout.end - holdout.start) * 5
    elif isinstance(holdout, DateRangeHoldout) and holdout.last:
        span = holdout.last * 5
    dates = [(newest - span * (1 - (row + 1) / rows)).replace(tzinfo=None) for row in range(rows)]
    return pa.array(dates, pa.timestamp("us"))


def _latent(features: dict[str, pa.Array], rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float64]]:
    """What the label hangs on: the ranks of the first features with some noise, as a rank between 0 and 1."""
    ranks = [_rank(values) for values in list(features.values())[:5]]
    score = np.mean(ranks, axis=0) + rng.normal(0, _NOISE, size=len(ranks[0]))
    return np.asarray((np.argsort(np.argsort(score)) + 0.5) / len(score), dtype=np.float64)


def _rank(values: pa.Array) -> Any:
    ranks = pd.Series(values.to_pandas()).rank(method="dense")
    return (ranks / ranks.max()).to_numpy()


def _make_label(project: Project, facts: dict[str, Any], latent: np.ndarray[Any, np.dtype[np.float64]]) -> pa.Array:
    problem = project.spec.problem
    if isinstance(problem, RegressionProblem):
        return _numbers(project.spec.data.types.get(project.spec.data.label, "number"), _range(facts), latent)
    classes = facts.get("expect_column_values_to_be_in_set", {}).get("value_set")
    if not classes:
        classes = [0, problem.positive] if isinstance(problem, BinaryProblem) else ["a", "b", "c"]
    return pa.array([classes[int(share * len(classes))] for share in latent])

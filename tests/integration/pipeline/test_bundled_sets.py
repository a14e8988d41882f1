"""From a file to scores: scikit-learn's bundled sets, in the projects that `mlkit new` makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from airflow_mlkit.project import load_project
from airflow_mlkit.rundir import Outcome
from airflow_mlkit.scaffold.interview import Given, hold_interview
from airflow_mlkit.scaffold.new_project import make_project
from airflow_mlkit.spec.run_parameters import RunParameters
from tests.stepping import RETRAIN, run_steps

QUICK = RunParameters(params={"learning_rate": 0.3})
"""Fewer trees than by default, where a set is large; nothing else differs from what a new project does."""

AS_MADE = ("iris", "diabetes")
"""The sets that run with nothing tuned."""

DAMAGED = ("sepal length (cm)", "alcohol", "mean radius", "age", "pixel_3_3")
"""A column of each set that becomes a category with missing values."""


def load_bundled(name: str, rows: int = 600) -> pd.DataFrame:
    """A bundled set with a column of texts, every seventh of which is missing, and a rarer gap in all other columns."""
    frame: pd.DataFrame = getattr(datasets, f"load_{name}")(as_frame=True).frame.head(rows)
    rng = np.random.default_rng(0)
    values = frame.drop(columns="target")
    values = values.mask(rng.random(values.shape) < 0.02)
    (column,) = set(DAMAGED) & set(frame.columns)
    texts = pd.qcut(frame[column].rank(method="first"), 4, labels=["low", "fair", "high", 'é, "top"']).astype(object)
    values[column] = texts.mask(np.arange(len(frame)) % 7 == 0)
    return values.assign(target=frame["target"])


def new_project(folder: Path, frame: pd.DataFrame, name: str, label: str = "target") -> Path:
    data = folder / f"{name}.csv"
    frame.to_csv(data, index=False)
    answers, table = hold_interview(Given(name=name, data=str(data), label=label), folder, asks=False)
    return make_project(answers, folder, table=table).folder


def ship(project: Path) -> None:
    """Each step of a retrain, in this process."""
    parameters = RunParameters() if project.name in AS_MADE else QUICK
    record = run_steps(project, "r1", "extract", "validate", *RETRAIN[1:], parameters=parameters)
    assert record.outcome is Outcome.DONE, record.reason


@pytest.mark.parametrize(
    ("name", "kind", "metric", "at_least"),
    [
        ("iris", "multiclass", "accuracy", 0.8),
        ("wine", "multiclass", "accuracy", 0.9),
        ("digits", "multiclass", "accuracy", 0.8),
        ("breast_cancer", "binary", "roc_auc", 0.97),
        ("diabetes", "regression", "r2", 0.2),
    ],
)
def test_a_bundled_set_goes_from_a_file_to_scores(
    tmp_path: Path, name: str, kind: str, metric: str, at_least: float
) -> None:
    frame = load_bundled(name)
    folder = new_project(tmp_path, frame, name.replace("_", "-"))
    ship(folder)
    project = load_project(folder)
    evaluated = Path(f"{project.runs}/r1/steps/evaluate/1/tries/1")
    assert project.spec.problem.kind == kind
    assert pd.read_json(evaluated / "metrics.json", typ="series")["metrics"][metric] >= at_least

    (column,) = set(DAMAGED) & set(frame.columns)
    unseen = frame.assign(**{column: "never seen"})
    unseen.to_csv(folder / project.spec.data.source.path, index=False)
    scored = run_steps(folder, "p1", "predict")
    assert scored.outcome is Outcome.DONE, scored.reason
    scores = pd.read_parquet(folder / "scores")
    assert len(scores) == len(frame)
    if kind == "regression":
        assert scores["score"].between(frame["target"].min() - 100, frame["target"].max() + 100).all()
        return
    assert (scores["predicted"].to_numpy() == frame["target"].to_numpy()).mean() >= 0.8
    if kind == "multiclass":
        columns = [f"score_{value}" for value in sorted(frame["target"].unique())]
        assert np.allclose(scores[columns].sum(axis=1), 1)


def test_names_of_columns_that_xgboost_refuses_are_changed_by_the_new_projects_features(tmp_path: Path) -> None:
    names = {"sepal length (cm)": "a[0]", "sepal width (cm)": "b<1", "petal length (cm)": "] '\"\n{{ 7 }}; rm -rf /"}
    frame = datasets.load_iris(as_frame=True).frame.rename(columns=names | {"target": "../[lab\n<el]"})
    folder = new_project(tmp_path, frame, "flowers", label="../[lab\n<el]")
    ship(folder)
    assert set(names.values()) <= set(load_project(folder).spec.data.features)
    assert run_steps(folder, "p1", "predict").summary["rows"] == len(frame)

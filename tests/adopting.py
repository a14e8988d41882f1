"""Models that a team has logged into MLflow by hand, and what processes of their own do while they are adopted."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import mlflow
import mlflow.pyfunc
import mlflow.sklearn
import mlflow.xgboost
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from xgboost import XGBClassifier

from airflow_mlkit.exceptions import UserError
from airflow_mlkit.local import adopt as adopting
from airflow_mlkit.project import load_project
from airflow_mlkit.registry import adoption, by_hand
from airflow_mlkit.registry.word import Word
from airflow_mlkit.rundir import RunDirectory
from airflow_mlkit.steps.promote import read_verdict

BY_HAND = "payments risk #1"
"""A registered model that is not called like the project."""


class Trap:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


class Echo(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Python code around nothing."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        return np.zeros(len(model_input))


def read_rows(folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    """The payments as a data scientist would have read them, and whether they are fraud."""
    rows = pd.read_csv(folder / "data/payments.csv")
    return rows[["amount", "country"]], rows["fraud"]


@contextmanager
def logging_into(folder: Path) -> Iterator[None]:
    """MLflow on the project's SQLite file, as somebody uses it who knows nothing of mlkit."""
    uri = f"sqlite:///{folder}/.mlkit/mlflow.db"
    before = dict(os.environ)
    try:
        # both write what they are told into the environment, where processes of other tests would find it
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        experiment = f"by hand in {folder}"  # a database that was copied keeps the places of its experiments
        if mlflow.get_experiment_by_name(experiment) is None:
            mlflow.create_experiment(experiment, artifact_location=(folder / ".mlkit/by-hand").as_uri())
        mlflow.set_experiment(experiment)
        with mlflow.start_run():
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def log_xgboost(folder: Path, name: str, *, labels: Any = None, **changed: Any) -> str:
    """Log an XGBClassifier by hand. Returns the number of its version."""
    features, fraud = read_rows(folder)
    encode = changed.pop("encode", pd.Categorical)
    features = features.assign(country=encode(features["country"])).rename(columns=changed.pop("rename", {}))
    model = XGBClassifier(n_estimators=20, max_depth=3, enable_categorical=True, n_jobs=1, **changed)
    model.fit(features, (fraud == "yes").astype(int) if labels is None else labels)
    with logging_into(folder):
        return _version(mlflow.xgboost.log_model(model, name="m", registered_model_name=name, pip_requirements=[]))


def fit_pipeline(folder: Path, last: Any = None, *, labels: Any = None) -> Any:
    """A scikit-learn pipeline on raw columns and raw labels."""
    features, fraud = read_rows(folder)
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["country"]), remainder="passthrough")
    model = make_pipeline(encode, last or LogisticRegression(max_iter=1000))
    return model.fit(features, fraud if labels is None else labels)


def log_sklearn(folder: Path, name: str, model: Any, serialization_format: str = "skops", **options: Any) -> str:
    """Log a scikit-learn model by hand. Returns the number of its version."""
    with logging_into(folder):
        logged = mlflow.sklearn.log_model(
            model,
            name="m",
            registered_model_name=name,
            pip_requirements=[],
            serialization_format=serialization_format,
            **options,
        )
    return _version(logged)


def log_trap(folder: Path, name: str, mark: Path) -> str:
    """A pickle that leaves a mark when it is loaded."""
    model = make_pipeline(FunctionTransformer(), LinearRegression())
    number = log_sklearn(folder, name, model, "pickle")
    for path in (folder / ".mlkit/by-hand").rglob("model.pkl"):
        path.write_bytes(pickle.dumps(Trap(mark)))
    return number


def log_pyfunc(folder: Path, name: str) -> str:
    """A pyfunc model around Python code."""
    with logging_into(folder):
        return _version(
            mlflow.pyfunc.log_model(name="m", python_model=Echo(), registered_model_name=name, pip_requirements=[])
        )


def _version(logged: Any) -> str:
    return str(logged.registered_model_version)


def adopt_judged(folder: Path, run_id: str) -> None:
    """The last act of an adoption, after its steps: register the copy, ask it, write the log, tell MLflow."""
    project = load_project(folder)
    challenger, report = read_verdict(project, RunDirectory(f"{project.runs}/{run_id}"))
    adoption.adopt_challenger(project, challenger, report, Word("ana", "it has served"), adoption.TrainingWord())


def adopt_together(folder: Path, number: int, address: str, barrier: Barrier, results: Any) -> None:
    """One of several who adopt other versions, and meet before the log is written."""
    ask = by_hand.ask

    def wait(*arguments: Any) -> Any:
        barrier.wait(timeout=100)
        return ask(*arguments)

    by_hand.ask = wait
    try:
        found = adopt_by_ana(folder, address)
    except UserError as error:
        results.put((number, None, error.message))
    else:
        results.put((number, found.change.champion.n, ""))


def adopt_by_ana(folder: Path, address: str, **request: Any) -> adopting.Adoption:
    """Adopt as a person named ana."""
    asked = adopting.Request(address, Word("ana", "it has served since March"), **request)
    return adopting.adopt(load_project(folder), asked)

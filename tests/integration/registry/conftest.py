from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_mlkit.project import Project, load_project
from airflow_mlkit.registry.challenger import Challenger
from airflow_mlkit.registry.mlflow_client import connect
from airflow_mlkit.registry.model_registry import ModelRegistry
from tests.challengers import build_challenger, open_registry
from tests.projects import build_project, default_spec


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with MLflow's tables: making them takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    connect(f"sqlite:///{path}")
    return path


@pytest.fixture
def registry(tmp_path: Path, empty_database: Path) -> ModelRegistry:
    """A registered model on SQLite, in a folder as awkward as people's are."""
    folder = tmp_path / "Ana's models #1"
    (folder / ".mlkit").mkdir(parents=True)
    shutil.copy(empty_database, folder / ".mlkit/mlflow.db")
    return open_registry(folder)


@pytest.fixture
def churn(registry: ModelRegistry) -> Project:
    """A project whose model the registry keeps."""
    folder = Path(registry.log.uri).parents[2]
    return load_project(build_project(folder, rows=10, spec=default_spec() | {"name": "churn"}))


@pytest.fixture
def make_challenger(tmp_path: Path) -> Callable[..., Challenger]:
    """A challenger whose model is one small file."""

    def make(score: int, **changed: object) -> Challenger:
        return build_challenger(tmp_path, score, **changed)

    return make

from __future__ import annotations

import pytest

from airflow_mlkit.registry.address import portable, resolved, without_credentials
from airflow_mlkit.registry.mlflow_client import artifact_root


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("https://ana:s3cret@mlflow.example.com/x", "https://mlflow.example.com/x"),
        ("postgresql+psycopg://ml:p@ss@db/mlflow refuses", "postgresql+psycopg://db/mlflow refuses"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("/home/ana@work/x", "/home/ana@work/x"),
    ],
)
def test_credentials_never_leave(text: str, safe: str) -> None:
    assert without_credentials(text) == safe


@pytest.mark.parametrize(
    ("uri", "base", "written"),
    [
        ("/p/.mlkit/mlartifacts/1/model", "/p/.mlkit/champions/churn", "../../mlartifacts/1/model"),
        ("file:///p/my%20models/1", "/p/champions/churn", "../../my models/1"),
        ("s3://ml/artifacts/1", "/p/champions/churn", "s3://ml/artifacts/1"),
        ("mlflow-artifacts:/1/x/artifacts/model", "s3://ml/champions/churn", "mlflow-artifacts:/1/x/artifacts/model"),
    ],
)
def test_an_address_is_read_back_as_it_was(uri: str, base: str, written: str) -> None:
    assert portable(uri, base) == written
    assert resolved(written, base) == uri.replace("file://", "").replace("%20", " ")


def test_a_moved_project_finds_its_files() -> None:
    written = portable("/old/.mlkit/mlartifacts/1", "/old/.mlkit/champions/churn")
    assert resolved(written, "/new/.mlkit/champions/churn") == "/new/.mlkit/mlartifacts/1"


@pytest.mark.parametrize(
    ("uri", "root"),
    [
        ("sqlite:////p/my project/.mlkit/mlflow.db", "file:///p/my%20project/.mlkit/mlartifacts"),
        ("postgresql://db/mlflow", "s3://ml/mlartifacts"),
        ("https://mlflow.example.com", None),
    ],
)
def test_files_of_tracking_runs_have_a_place_of_their_own(uri: str, root: str | None) -> None:
    """MLflow's own default is whatever folder the process was started in."""
    assert artifact_root(uri, "s3://ml/champions/churn") == root

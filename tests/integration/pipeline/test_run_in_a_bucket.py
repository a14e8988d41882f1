"""`mlkit run` and `mlkit predict` with runs, champions and scores in a bucket, over real HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from upath import UPath

from tests.buckets import EACH_STORE, SERVED
from tests.projects import build_project, default_spec

PLATFORM = """
environments:
  laptop: {{backend: local, runs: {bucket}runs, mlflow: "sqlite:///.mlkit/mlflow.db"}}
  beside: {{backend: local, runs: {bucket}beside, champions: ./champions, mlflow: "sqlite:///.mlkit/beside.db"}}
"""


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Iterator[UPath]:
    with SERVED[request.param](f"ml-runs-{abs(hash(request.node.name)) % 10**9}") as bucket:
        yield bucket


def mlkit(folder: Path, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "airflow_mlkit", *words, "--json"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200, check=False)
    assert ended.stdout, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.parametrize("bucket", EACH_STORE, indirect=True)
def test_a_model_is_shipped_resumed_and_used_in_a_bucket(bucket: UPath, tmp_path: Path) -> None:
    spec = default_spec()
    spec["predict"]["output"]["path"] = f"{bucket}scores"
    folder = build_project(tmp_path / "cards", spec=spec)
    (folder / "platform.yaml").write_text(PLATFORM.format(bucket=bucket))

    shipped = mlkit(folder, "run")
    assert shipped["state"] == "SHIPPED", shipped["reason"]
    entry = json.loads((bucket / "champions/cards/1.json").read_bytes())
    assert entry["model_id"] == shipped["model_id"]
    resumed = mlkit(folder, "run", "--resume")
    assert (resumed["state"], {step["state"] for step in resumed["steps"]}) == ("SHIPPED", {"kept", "done"})

    scored = mlkit(folder, "predict")
    assert scored["state"] == "SCORED", scored["reason"]
    with UPath(scored["output"]).open("rb") as file:
        assert pq.read_table(file).num_rows == 600
    assert not [path for path in (folder / ".mlkit").iterdir() if path.name in ("runs", "champions")]


@pytest.mark.parametrize("bucket", ["s3"], indirect=True)
def test_champions_may_lie_on_this_machine_while_runs_lie_in_a_bucket(bucket: UPath, tmp_path: Path) -> None:
    folder = build_project(tmp_path / "cards")
    (folder / "platform.yaml").write_text(PLATFORM.format(bucket=bucket))
    shipped = mlkit(folder, "run", "--environment", "beside")
    assert shipped["state"] == "SHIPPED", shipped["reason"]
    assert json.loads((folder / "champions/cards/1.json").read_bytes())["model_id"] == shipped["model_id"]
    assert not (bucket / "beside/champions").exists()
    again = mlkit(folder, "run", "--environment", "beside")
    assert again["state"] == "NOT_SHIPPED", again["reason"]

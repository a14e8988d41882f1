"""One way to run the step extract on a few files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from airflow_mlkit.project import load_project
from airflow_mlkit.rundir import RunDirectory, RunRecord, StepRecord
from airflow_mlkit.steps.run import run_step


@dataclass(frozen=True)
class Extracted:
    """What one run of the step left behind."""

    record: StepRecord
    folder: Path

    @property
    def reason(self) -> str:
        assert self.record.exit_code in (2, 3), (self.record.exit_code, self.record.reason)
        return self.record.reason or ""

    @property
    def table(self) -> pa.Table:
        assert self.record.exit_code == 0, self.record.reason
        return pq.read_table(self.folder / "snapshot.parquet")

    @property
    def snapshot(self) -> dict[str, Any]:
        return json.loads((self.folder / "snapshot.json").read_text())

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.table.to_pylist()

    @property
    def content_hash(self) -> str:
        assert self.record.exit_code == 0, self.record.reason
        return self.snapshot["content_hash"]

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text()


def spec_with(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "mlkit/v1",
        "name": "cards",
        "owner": "risk@example.com",
        "pattern": "batch",
        "data": {"features": ["amount"], "label": "fraud", "holdout": {"sampling": "hash"}, **data},
        "validate": {"suite": "expectations/cards.json"},
        "problem": {"kind": "binary", "positive": "yes"},
        "train": {"workflow": "cards.workflow:Cards"},
        "gates": [{"metric": "roc_auc", "at_least": 0.6}],
    }


Extract = Callable[..., Extracted]


@pytest.fixture
def extract(tmp_path: Path) -> Extract:
    """Write a project with these files, run extract on it, and give what it left behind."""
    count = 0

    def run(
        data: dict[str, Any] | None = None,
        *,
        files: dict[str, str | bytes | pa.Table] | None = None,
        as_of: datetime | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> Extracted:
        nonlocal count
        count += 1
        folder = tmp_path / str(count)
        folder.mkdir()
        for name, content in (files or {}).items():
            _write(folder / name, content)
        first = next(iter(files), "data.csv") if files else "data.csv"
        with (folder / "mlkit.yaml").open("w") as file:
            YAML().dump(spec_with({"source": {"path": first}, **(data or {})}), file)
        record = RunRecord(
            name="cards", run_id="r", as_of=as_of, parameters=parameters or {}, started=datetime.now(UTC)
        )
        directory = RunDirectory.create(folder / "run", record)
        outcome = run_step("extract", load_project(folder), directory)
        return Extracted(outcome, folder / "run/steps/extract/1/tries/1")

    return run


def _write(path: Path, content: str | bytes | pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, pa.Table):
        pq.write_table(content, path)
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)

"""`mlkit run` and `mlkit predict` on a real PostgreSQL."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.projects import build_project, default_spec

QUERY = """
select payment_id, created_at, amount, country, fraud
from payments
where created_at <= :as_of
"""


def spec_of_a_query() -> dict[str, Any]:
    spec = default_spec()
    source = {"sql": "queries/payments.sql", "connection": "warehouse"}
    spec["data"] |= {"source": source, "label_matures_after": "15d", "fresh_within": "30d"}
    spec["predict"]["source"] = {**source}
    return spec


@pytest.fixture
def folder(tmp_path: Path, postgresql: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose rows, one payment each third of a day, lie in a table."""
    folder = build_project(tmp_path / "cards", spec=spec_of_a_query())
    (folder / "queries").mkdir()
    (folder / "queries" / "payments.sql").write_text(QUERY)
    rows = pd.read_csv(folder / "data" / "payments.csv")
    values = ", ".join(
        f"('{row.payment_id}', '{row.created_at}', {row.amount}, '{row.country}', '{row.fraud}')"
        for row in rows.itertuples()
    )
    postgresql.execute(
        "drop table if exists payments",
        "create table payments (payment_id text, created_at timestamp, amount float, country text, fraud text)",
        f"insert into payments values {values}",
    )
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", postgresql.uri)
    return folder


def mlkit(folder: Path, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "airflow_mlkit", *words, "--json"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200)
    assert "Traceback" not in ended.stdout + ended.stderr
    assert ended.stdout, ended.stderr
    return {**json.loads(ended.stdout), "exit_code": ended.returncode}


@pytest.mark.needs("postgresql")
def test_a_run_sees_the_table_as_of_its_moment_and_without_young_labels(folder: Path) -> None:
    shipped = mlkit(folder, "run", "--as-of", "2026-05-28")
    assert shipped["state"] == "SHIPPED", shipped["reason"]
    snapshot = next(Path(shipped["run_dir"]).glob("steps/extract/1/tries/1/snapshot.parquet"))
    dates = pd.read_parquet(snapshot, columns=["created_at"])["created_at"]
    assert dates.max() == pd.Timestamp("2026-05-13")
    scored = mlkit(folder, "predict", "--as-of", "2026-03-01")
    assert scored["state"] == "SCORED", scored["reason"]
    assert (
        scored["rows"] == (pd.read_csv(folder / "data" / "payments.csv")["created_at"] <= "2026-03-01T00:00:00").sum()
    )


@pytest.mark.needs("postgresql")
def test_rows_that_did_not_arrive_and_a_query_that_breaks_off_stop_a_run_and_leave_the_champion(folder: Path) -> None:
    shipped = mlkit(folder, "run", "--as-of", "2026-05-28")
    late = mlkit(folder, "run", "--as-of", "2026-09-01")
    (folder / "queries" / "payments.sql").write_text(
        "select payment_id, created_at, amount / (400 - row_number() over ()) amount, country, fraud from payments"
    )
    broken = mlkit(folder, "run", "--as-of", "2026-05-28")
    assert (late["state"], late["exit_code"]) == ("FAILED", 1)
    assert "fresh_within" in late["reason"]
    assert (broken["state"], broken["exit_code"]) == ("FAILED", 1)
    assert "division by zero" in broken["reason"]
    (entry,) = (folder / ".mlkit/champions/cards").glob("*.json")
    assert json.loads(entry.read_text())["model_id"] == shipped["model_id"]

"""predict on a real champion: trained, promoted and loaded through the champion log."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from airflow_mlkit.rundir import Outcome
from tests.forging import FORGERIES, Forge, mark_of
from tests.projects import build_project
from tests.stepping import rewrite, run_steps

DAY = datetime(2026, 7, 1, tzinfo=UTC)
PART = "scores/date=2026-07-01/part-0.parquet"


def test_every_row_gets_a_score_that_tells_where_it_comes_from(folder: Path) -> None:
    record = run_steps(folder, "p1", "predict", as_of=DAY)
    assert record.outcome is Outcome.DONE
    assert record.summary["rows"] == 400
    scores = pd.read_parquet(folder / "scores")
    assert list(scores.columns) == [
        "payment_id",
        "prediction_id",
        "score",
        "predicted",
        "model_name",
        "model_version",
        "model_id",
        "as_of",
        "date",
    ]
    assert scores["prediction_id"].is_unique
    assert scores["score"].between(0, 1).all()
    assert set(scores["predicted"]) <= {"yes", "no"}
    assert (scores["predicted"] == "yes").equals(scores["score"] >= 0.5)
    assert set(scores["model_version"]) == {"1"}
    assert set(scores["date"].astype(str)) == {"2026-07-01"}


def test_a_date_that_is_scored_again_replaces_it_with_the_same_ids(folder: Path) -> None:
    run_steps(folder, "p1", "predict", as_of=DAY)
    first = pd.read_parquet(folder / PART)
    run_steps(folder, "p2", "predict", as_of=DAY)
    assert pd.read_parquet(folder / PART).equals(first)
    assert [path.name for path in (folder / PART).parent.iterdir()] == ["part-0.parquet"]


def test_without_an_as_of_the_newest_row_gives_the_date(folder: Path) -> None:
    assert run_steps(folder, "p1", "predict").summary["date"] == "2026-06-28"


def test_rows_without_dates_go_to_the_undated_partition(folder: Path) -> None:
    rewrite(folder, lambda rows: rows.drop(columns=["created_at", "fraud"]))
    record = run_steps(folder, "p1", "predict")
    assert record.outcome is Outcome.DONE
    assert record.summary["date"] is None
    assert set(pd.read_parquet(folder / "scores")["date"]) == {"undated"}


def test_without_a_champion_it_is_skipped_with_the_reason(tmp_path: Path) -> None:
    record = run_steps(build_project(tmp_path), "p1", "predict")
    assert record.exit_code == 20
    assert record.reason == "There is no champion of cards yet: nothing to score with."


@pytest.mark.parametrize(
    ("change", "exit_code", "said"),
    [
        (lambda rows: rows.drop(columns="country"), 3, "has no column 'country'"),
        (lambda rows: rows.assign(amount="much"), 3, "amount"),
        (lambda rows: pd.concat([rows, rows.head(2)]), 3, "does not tell rows apart"),
        (lambda rows: rows.head(0), 20, "no rows"),
    ],
    ids=["column missing", "another type", "key twice", "header only"],
)
def test_scores_that_are_there_stay_when_rows_cannot_be_scored(
    folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame], exit_code: int, said: str
) -> None:
    run_steps(folder, "p1", "predict", as_of=DAY)
    before = (folder / PART).read_bytes()
    rewrite(folder, change)
    record = run_steps(folder, "p2", "predict", as_of=DAY)
    assert record.exit_code == exit_code
    assert said in (record.reason or "")
    assert (folder / PART).read_bytes() == before
    assert [path.name for path in (folder / PART).parent.iterdir()] == ["part-0.parquet"]


def test_a_champion_whose_files_are_gone_is_named(folder: Path) -> None:
    shutil.rmtree(folder / ".mlkit/mlartifacts")
    record = run_steps(folder, "p1", "predict", as_of=DAY)
    assert record.exit_code == 1
    assert "cards version 1 has lost its files" in (record.reason or "")
    assert not (folder / "scores").exists()


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_champion_whose_files_were_changed_is_not_run_and_earlier_scores_stay(folder: Path, forge: Forge) -> None:
    run_steps(folder, "p1", "predict", as_of=DAY)
    before = (folder / PART).read_bytes()
    model = next((folder / ".mlkit/mlartifacts").rglob("model.json")).parent
    forge(model)
    record = run_steps(folder, "p2", "predict", as_of=DAY)
    assert record.exit_code == 1
    assert "cards version 1 cannot be loaded" in (record.reason or "")
    assert not mark_of(model).exists()
    assert (folder / PART).read_bytes() == before

"""Scores that are there stay as they are, whatever happens to the next ones."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from airflow_mlkit.rundir import Outcome
from tests.projects import build_project
from tests.stepping import RETRAIN, run_steps

WORKFLOW = """
import time
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from airflow_mlkit import Workflow


class Odd(ClassifierMixin, BaseEstimator):
    '''Cannot score an amount above a million, and takes its time for one above a thousand millions.'''

    def fit(self, rows, labels):
        self.classes_ = np.unique(labels)
        return self

    def predict(self, rows):
        return self.predict_proba(rows)[:, 1] > 0.5

    def predict_proba(self, rows):
        amounts = rows["amount"].to_numpy(dtype=float)
        if amounts.max() > 1e9:
            Path("scoring").touch()
            time.sleep(60)
        scores = np.where(amounts > 1e6, np.nan, np.tanh(amounts / 100))
        return np.column_stack([1 - scores, scores])


class Cards(Workflow):
    def train(self, training_dataframe, validation_dataframe):
        return Odd().fit(training_dataframe[self.feature_columns], training_dataframe[self.label])
"""
DAY = datetime(2026, 7, 1, tzinfo=UTC)
PART = Path("scores/date=2026-07-01/part-0.parquet")


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    """A project whose champion has scored once."""
    folder = build_project(tmp_path / "cards", workflow=WORKFLOW)
    spec = folder / "mlkit.yaml"
    spec.write_text(spec.read_text().replace("  params:", "  trusted_types: [cards.workflow.Odd]\n  params:"))
    shipped = run_steps(folder, "r1", *RETRAIN)
    assert shipped.outcome is Outcome.DONE, shipped.reason
    assert run_steps(folder, "p1", "predict", as_of=DAY).outcome is Outcome.DONE
    return folder


def set_amount(folder: Path, amount: float) -> None:
    """Give the last payment another amount."""
    path = folder / "data" / "payments.csv"
    rows = pd.read_csv(path)
    rows.loc[rows.index[-1], "amount"] = amount
    rows.to_csv(path, index=False)


def test_a_champion_that_gives_nan_leaves_the_scores_of_before(scored: Path) -> None:
    before = (scored / PART).read_bytes()
    set_amount(scored, 2e6)
    record = run_steps(scored, "p2", "predict", as_of=DAY)
    assert record.exit_code == 2
    assert "the model gives NaN scores for 1 of 600 rows, first for row 599" in (record.reason or "")
    assert (scored / PART).read_bytes() == before


@pytest.mark.parametrize(("told", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_predict_that_is_stopped_leaves_the_scores_of_before_and_the_next_one_ends_well(
    scored: Path, told: signal.Signals, exit_code: int
) -> None:
    before = pd.read_parquet(scored / PART)
    rows = (scored / "data" / "payments.csv").read_bytes()
    set_amount(scored, 2e9)
    command = [sys.executable, "-m", "airflow_mlkit", "step", "predict", "--run-dir", "stopped"]
    process = subprocess.Popen([*command, "--as-of", "2026-07-01"], cwd=scored, stderr=subprocess.DEVNULL)
    while not (scored / "scoring").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(told)
    assert process.wait(10) == exit_code
    assert pd.read_parquet(scored / "scores").drop(columns="date").equals(before)

    (scored / "data" / "payments.csv").write_bytes(rows)
    assert subprocess.run(command, cwd=scored, stderr=subprocess.DEVNULL, check=False).returncode == 0
    assert pd.read_parquet(scored / PART).equals(before)

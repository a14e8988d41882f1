"""gate_report.json: its golden form, and room for what comes."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from airflow_mlkit.gates.comparison import Comparison, Interval
from airflow_mlkit.gates.decide import Champion, Measured, decide
from airflow_mlkit.gates.decision import Decision
from airflow_mlkit.gates.report import (
    ChallengerSummary,
    ChampionSummary,
    GateReport,
    HoldoutSummary,
    MetricPair,
)
from airflow_mlkit.spec.pipeline import ChampionGate, MetricGate, RowsGate

GOLDEN = Path(__file__).parent / "golden" / "gate_report.json"


COMPARISON = Comparison(
    metric="roc_auc",
    decision=Decision.HOLD_BACK,
    reason="roc_auc 0.8312 is worse than 0.84 of the champion (version 2)",
    confidence=0.99,
    margin=0.01,
    champion=0.84,
    challenger=0.8312,
    estimate=-0.0088,
    interval=Interval(-0.0251, 0.0075),
    lower_bound=-0.0236,
    method="DeLong et al. 1988",
    rows=1409,
    positives=372,
)


def _report() -> GateReport:
    gates = [
        MetricGate(metric="roc_auc", at_least=0.8),
        ChampionGate(metric="roc_auc", against="champion"),
        RowsGate(rows="holdout", at_least=500),
    ]
    champion = Champion("the champion (version 2)", lambda gate: COMPARISON)
    verdict = decide(gates, Measured({"roc_auc": 0.8312, "log_loss": 0.43}), champion, rows=1409)
    return GateReport(
        decision=verdict.decision,
        reason=verdict.reason,
        challenger=ChallengerSummary(model_id="c" * 64, run_id="monday", as_of=datetime(2026, 3, 2, tzinfo=UTC)),
        champion=ChampionSummary(n=2, model_name="churn", model_version="2", model_id="a" * 64),
        holdout=HoldoutSummary(rows=1409, hash="d" * 64, positives=372),
        results=verdict.results,
        metrics={
            "roc_auc": MetricPair(challenger=0.8312, champion=0.84),
            "log_loss": MetricPair(challenger=0.43, champion=0.42),
        },
    )


def test_the_report_is_written_as_the_golden_file_and_read_back():
    assert _report().to_bytes().decode() == GOLDEN.read_text()
    assert GateReport.model_validate_json(GOLDEN.read_bytes()) == _report()


def test_a_report_names_the_gates_that_were_not_passed():
    assert [result.title for result in _report().failed] == ["roc_auc better than the champion's"]


def test_no_nan_gets_into_a_report():
    with pytest.raises(ValidationError):
        MetricPair(challenger=float("nan"))


def test_deciding_needs_neither_frames_nor_models():
    code = "import sys, airflow_mlkit.gates.decide; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pandas", "pyarrow", "mlflow", "xgboost", "sklearn", "airflow"} & set(loaded)

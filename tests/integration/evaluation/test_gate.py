"""The step gate on a real run: what is compared, and what holds a challenger back."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_mlkit.gates.report import GateReport
from airflow_mlkit.spec import PipelineSpec
from tests.forging import FORGERIES, mark_of, seal

from .conftest import Run


def test_the_first_champion_needs_the_absolute_gates_only(run):
    record = run.step("gate")
    report = GateReport.model_validate_json(run.file("gate", "gate_report.json").read_bytes())
    assert record.exit_code == 0
    assert report.is_promotion
    assert "there is no champion yet" in report.reason
    assert report.holdout.positives < report.holdout.rows
    assert set(record.summary) == {"decision", "reason", "passed", "failed", "champion_version"}


def test_the_same_model_again_is_held_back(run):
    report = run.judge(run.crown(run.model_folder))
    assert report.reason == "The same model as the champion (version 1)."


def test_another_model_with_the_same_scores_is_a_tie_and_held_back(run):
    report = run.judge(run.crown())
    assert "is equal to that of the champion (version 1)" in report.reason
    assert report.metrics["log_loss"].challenger == report.metrics["log_loss"].champion


def test_the_champion_makes_its_features_with_its_own_code(run):
    worse = run.copy_model("worse")
    workflow = worse / "code" / "cards" / "workflow.py"
    workflow.write_text(workflow.read_text() + WITHOUT_AMOUNT)
    report = run.judge(run.crown(seal(worse)))
    assert report.is_promotion
    assert report.results[1].champion < report.results[1].challenger


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ({"problem_kind": "regression"}, "it is a regression model, and this problem is binary"),
        ({"label": "chargeback"}, "it predicts 'chargeback', and the label is now 'fraud'"),
        ({"classes": ["no", "maybe"]}, "its classes are no, maybe, and they are now no, yes"),
        ({"inputs": ["amount", "merchant"]}, "it needs columns that are no longer there: merchant"),
    ],
)
def test_a_champion_that_answers_another_question_cannot_be_compared_with(run, manifest, reason):
    report = run.judge(run.crown(run.copy_model("other", **manifest)))
    assert not report.is_promotion
    assert reason in report.reason


def test_a_champion_that_is_gone_or_broken_holds_back_and_says_so(run):
    champion = run.crown()
    model = run.project.folder / "champion-1" / "model.ubj"
    model.write_bytes(model.read_bytes()[:100])
    assert "could not be scored (RegistryError: cards version 1 cannot be loaded" in run.judge(champion).reason
    shutil.rmtree(model.parent)
    assert "has lost its files" in run.judge(champion).reason


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_champion_whose_files_were_changed_is_not_run_and_holds_back(run, forge):
    champion = run.crown()
    forge(Path(champion.artifact))
    report = run.judge(champion)
    assert not report.is_promotion
    assert "could not be scored (RegistryError: cards version 1 cannot be loaded" in report.reason
    assert not mark_of(Path(champion.artifact)).exists()


def test_a_champion_whose_own_code_raises_holds_back(run):
    broken = run.copy_model("broken")
    workflow = broken / "code" / "cards" / "workflow.py"
    workflow.write_text(workflow.read_text() + "    def features(self, dataframe):\n        return dataframe['gone']\n")
    report = run.judge(run.crown(seal(broken)))
    assert not report.is_promotion
    assert "could not be scored" in report.reason


def test_an_older_challenger_never_replaces_a_newer_champion(run):
    worse = run.copy_model("worse")
    workflow = worse / "code" / "cards" / "workflow.py"
    workflow.write_text(workflow.read_text() + WITHOUT_AMOUNT)
    report = run.judge(run.crown(seal(worse), as_of=datetime(2026, 7, 1, tzinfo=UTC) + timedelta(days=1)))
    assert report.reason == ("Its as_of 2026-07-01 00:00 is older than the champion's, 2026-07-02 00:00 (version 1).")
    assert all(result.passed for result in report.results)


def test_without_a_champion_gate_the_champion_is_not_even_loaded(run):
    run = with_gates(run, {"metric": "roc_auc", "at_least": 0.6})
    champion = run.crown()
    shutil.rmtree(run.project.folder / "champion-1")
    assert run.judge(champion).is_promotion


def test_a_failed_floor_is_held_back_and_the_step_succeeds(run):
    run = with_gates(run, {"metric": "roc_auc", "at_least": 0.999}, {"rows": "holdout", "at_least": 10_000})
    record = run.step("gate")
    assert record.exit_code == 0
    assert record.summary["decision"] == "hold_back"
    assert record.summary["failed"] == ["roc_auc at least 0.999", "holdout rows at least 10,000"]
    assert json.loads(run.file("gate", "gate_report.json").read_text())["reason"] == record.reason


def with_gates(run: Run, *gates: dict[str, Any]) -> Run:
    """The same run under other gates."""
    spec = run.project.spec.model_dump(mode="json", by_alias=True) | {"gates": gates}
    return replace(run, project=replace(run.project, spec=PipelineSpec.model_validate(spec)))


WITHOUT_AMOUNT = """
    def features(self, dataframe):
        return dataframe.assign(amount=1.0, country=dataframe["country"].mask(dataframe["country"] == "NG", "US"))
"""

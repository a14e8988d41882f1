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
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.registry.looks import LookLog
from airflow_mlkit.spec import PipelineSpec
from airflow_mlkit.steps.opponents import Opponent
from airflow_mlkit.workflows.manifest import load_manifest
from tests.forging import FORGERIES, mark_of, seal
from tests.projects import default_spec

from .conftest import Run


def test_the_first_champion_needs_the_absolute_gates_only(run):
    record = run.step("gate")
    report = GateReport.model_validate_json(run.file("gate", "gate_report.json").read_bytes())
    assert record.exit_code == 0
    assert report.is_promotion
    assert "there is no champion yet" in report.reason
    assert report.holdout.positives < report.holdout.rows
    assert set(record.summary) == {"decision", "reason", "findings", "passed", "failed", "champion_version"}


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
        ({"trained_rows": None}, "does not say which rows it learned from"),
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


def trained_rows_of(run: Run, **changed: Any) -> dict[str, Any]:
    """What the run's own model says of its rows, with some of it changed."""
    found = json.loads((run.model_folder / "model.json").read_text())["trained_rows"]
    return found | {"seen": ["of", "another split"]} | changed


@pytest.mark.parametrize(
    ("salt", "newest", "reason"),
    [
        ("another", "2025-12-31T00:00:00", None),
        ("another", "2026-03-01T00:00:00", "it learned from rows up to 2026-03-01 00:00, and the holdout begins at"),
        ("another", None, "its holdout was cut in another way"),
        ("cards", "2026-03-01T00:00:00", None),
    ],
)
def test_a_champion_that_may_have_seen_a_holdout_row_is_not_compared(run, salt, newest, reason):
    sampling = json.loads(run.file("split", "split.json").read_text())["sampling"] | {"salt": salt}
    rows = trained_rows_of(run, newest=newest, sampling=sampling)
    report = run.judge(run.crown(run.copy_model("earlier", trained_rows=rows)))
    assert not report.is_promotion
    if reason is None:
        assert report.results[1].comparison is not None
    else:
        assert reason in report.reason
        assert report.results[1].comparison is None


def crown_anchor_and_champion(run: Run) -> ChampionEntry:
    """An anchor as good as the challenger, and a worse champion after it."""
    run.crown(run.copy_model("anchor"), anchor=1)
    worse = run.copy_model("worse")
    workflow = worse / "code" / "cards" / "workflow.py"
    workflow.write_text(workflow.read_text() + WITHOUT_AMOUNT)
    return run.crown(seal(worse), anchor=1)


def test_the_challenger_meets_the_anchor_too(run):
    report = run.judge(crown_anchor_and_champion(run))
    assert report.champion.n == 2
    assert report.anchor.n == 1
    assert report.results[1].comparison.against_anchor.estimate == 0
    assert {part.column for part in report.results[1].comparison.slices} == {"country", "amount"}
    assert "7 of 7 slices decide nothing: country GB (125 rows)" in report.notes[0]
    assert report.results[1].comparison.slices[-1].reason == "there are no rows"
    assert not report.moves_anchor


def test_an_anchor_that_cannot_be_scored_any_more_is_said_and_replaced(run):
    champion = crown_anchor_and_champion(run)
    shutil.rmtree(run.project.folder / "anchor")
    report = run.judge(champion)
    assert report.is_promotion
    assert report.moves_anchor
    assert "the anchor (version 1): it could not be scored" in report.notes[0]


def test_asking_a_holdout_again_and_again_is_counted_and_asks_for_more_confidence(run):
    champion = run.crown()
    looks = LookLog(ChampionLog(run.project.champions).uri)
    holdout = run.json("split", "split.json")["content_hashes"]["holdout"]
    first = run.judge(champion)
    assert run.judge(champion).holdout.looks == first.holdout.looks == 1
    for number in range(3):
        looks.look(holdout, f"{number:064x}", "another run")
    fourth = run.judge(champion)
    assert fourth.holdout.looks == 4
    assert fourth.results[1].comparison.confidence == pytest.approx(0.9975)
    assert "4 models have asked this holdout" in fourth.notes[0]


@pytest.mark.parametrize(
    ("start", "end", "is_old"), [("2026-03-01", "2026-04-01", True), ("2026-03-01", "2026-06-01", False)]
)
def test_a_holdout_of_fixed_dates_that_was_left_behind_is_said(make_run, start, end, is_old):
    spec = default_spec()["data"]
    run = make_run(data={**spec, "holdout": {"sampling": "date_range", "start": start, "end": end}})
    notes = run.judge(None).notes
    assert any(f"the holdout ends on {end} whatever is newer" in note for note in notes) == is_old


def test_a_gate_may_speak_in_money(make_run):
    gates = [{"metric": "value", "at_least": -40}, {"metric": "value", "against": "champion"}]
    run = make_run(evaluate={"costs": {"miss": "amount", "false_alarm": 5}, "threshold": 0.3}, gates=gates)
    worse = run.copy_model("worse")
    workflow = worse / "code" / "cards" / "workflow.py"
    workflow.write_text(workflow.read_text() + WITHOUT_AMOUNT)
    report = run.judge(run.crown(seal(worse)))
    floor, against = report.results
    assert floor.challenger == run.json("evaluate", "metrics.json")["metrics"]["value"] == against.comparison.challenger
    assert against.comparison.margin == pytest.approx(0.02 * abs(against.comparison.champion))
    assert against.comparison.method == "paired t"
    assert report.is_promotion


def test_rows_of_one_entity_are_compared_together(make_run):
    run = make_run(evaluate={"groups": "created_at"})
    comparison = run.judge(run.crown()).results[1].comparison
    assert comparison.entities < comparison.rows


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
        amount = dataframe["amount"].sample(frac=1, random_state=0).to_numpy()
        return dataframe.assign(amount=amount, country=dataframe["country"].mask(dataframe["country"] == "NG", "US"))
"""


def test_another_seed_on_the_same_rows_is_luck(run):
    """It may well look better, and does half the time: nothing about it is newer."""
    challenger = load_manifest(run.model_folder)

    def find_luck(**changed):
        champion = Opponent("the champion (version 1)", None, manifest=challenger.model_copy(update=changed))
        return champion.find_luck(challenger)

    (said,) = find_luck(seed=7)
    assert said.startswith("made of the same rows, columns, code, params and libraries as the champion (version 1)")
    assert said.endswith(" but with another seed: what is better is luck")
    changes: dict[str, Any] = {"params": {"max_depth": 1}, "code_hash": "other", "trained_rows": None, "features": ()}
    assert [find_luck(**{name: value}) for name, value in changes.items()] == [()] * len(changes)

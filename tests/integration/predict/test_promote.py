"""The step promote after real steps; the ways of promotion itself are tested in tests/integration/registry."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from airflow_mlkit.cli.app import app
from airflow_mlkit.exceptions import UserError
from airflow_mlkit.project import load_project
from airflow_mlkit.registry import ChampionLog
from airflow_mlkit.registry.load import load_champion
from airflow_mlkit.registry.promotion import Promotion
from airflow_mlkit.rundir import Approval, RunDirectory, StepRecord
from airflow_mlkit.steps.run import run_step
from tests.stepping import run_steps


def edit_spec(folder: Path, **sections: object) -> None:
    path = folder / "mlkit.yaml"
    spec = YAML(typ="safe").load(path.read_text()) | sections
    with path.open("w") as file:
        YAML().dump(spec, file)


def test_a_promoted_version_can_be_loaded_and_described(folder: Path) -> None:
    entry = ChampionLog(load_project(folder).champions).head()
    assert entry is not None
    assert load_champion(load_project(folder), entry).manifest.model_id == entry.model_id
    listed = CliRunner().invoke(app, ["models", "list", "--json", "--project", str(folder)])
    assert json.loads(listed.output)[0]["champion_version"] == "1"
    shown = CliRunner().invoke(app, ["models", "show", "--project", str(folder)])
    assert "cards version 1: champion" in shown.output
    assert "GiB hours in 6 tries" in shown.output
    assert entry.holdout_hash in shown.output


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"gates": [{"metric": "roc_auc", "at_least": 0.999}]}, "roc_auc"),
        ({"promote": {"approval": "person", "ask": ["risk"], "within": "3d"}}, "whom nobody could ask here"),
    ],
    ids=["a gate failed", "a person has to say yes"],
)
def test_a_challenger_is_held_back_with_the_reason(folder: Path, sections: dict[str, object], said: str) -> None:
    (folder / ".mlkit/champions/cards/1.json").unlink()
    edit_spec(folder, **sections)
    record = run_steps(folder, "r1", "gate", "promote")
    assert record.exit_code == 20
    assert said in (record.reason or "")
    assert ChampionLog(load_project(folder).champions).head() is None
    found = load_project(folder).runs
    published = Path(found) / "r1/steps/promote/2/tries/1/promotion.json"
    assert Promotion.model_validate_json(published.read_bytes()).reason == record.reason


ASK_RISK = {"approval": "person", "ask": ["risk"], "within": "3d"}
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def answer_of(folder: Path, approval: Approval) -> StepRecord:
    """promote once more, where a person has the last word and has given it."""
    (folder / ".mlkit/champions/cards/1.json").unlink()
    (folder / ".mlkit/mlflow.db").unlink()
    edit_spec(folder, promote=ASK_RISK)
    project = load_project(folder)
    return run_step("promote", project, RunDirectory(f"{project.runs}/r1"), approval=approval)


def test_a_yes_promotes_and_is_kept_with_who_when_and_why(folder: Path) -> None:
    record = answer_of(folder, Approval(answer="yes", by="ana", at=MONDAY, why="tried it,\n[bold]looks right"))
    assert record.exit_code == 0, record.reason
    entry = ChampionLog(load_project(folder).champions).head()
    assert entry is not None
    assert entry.promoted_by == "ana"
    assert entry.approval == Approval(answer="yes", by="ana", at=MONDAY, why="tried it,\n[bold]looks right")


@pytest.mark.parametrize(
    ("approval", "said"),
    [
        (Approval(answer="no", by="ana", at=MONDAY, why="too many false alarms"), "ana said no: too many false alarms"),
        (Approval(answer="no", by="ana", at=MONDAY), "ana said no."),
        (Approval(answer="nobody", at=MONDAY), "nobody who was asked (risk) answered within 3d"),
    ],
)
def test_without_a_yes_the_challenger_is_held_back_and_says_who_did_not_give_it(
    folder: Path, approval: Approval, said: str
) -> None:
    record = answer_of(folder, approval)
    assert record.exit_code == 20
    assert said in (record.reason or "")
    assert ChampionLog(load_project(folder).champions).head() is None


def test_an_answer_that_is_none_is_refused_in_a_sentence(folder: Path) -> None:
    run = f"{load_project(folder).runs}/r1"
    words = ["step", "promote", "--run-dir", run, "--project", str(folder), "--approval"]
    for given in ("yes", '{"answer": "maybe", "at": "2026-03-02T09:00:00Z"}', '{"answer": "yes"}'):
        done = CliRunner().invoke(app, [*words, given])
        assert done.exit_code == 2 or isinstance(done.exception, UserError), done.output

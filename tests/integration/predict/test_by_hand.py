"""Rollback and promote on real models: they are asked before the log moves, and scoring follows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result
from mlflow import MlflowClient
from typer.testing import CliRunner

from airflow_mlkit.cli.app import app
from airflow_mlkit.evaluation.scores import read_scores, write_scores
from airflow_mlkit.exceptions import MLKitError, UserError
from airflow_mlkit.project import load_project
from airflow_mlkit.registry import ChampionEntry, ChampionLog
from airflow_mlkit.registry.model_registry import ModelRegistry
from airflow_mlkit.rundir import Outcome, RunDirectory
from tests.forging import FORGERIES, Forge, mark_of
from tests.projects import build_project
from tests.shipping import ship
from tests.stepping import run_steps

HELD_BACK = "2026-11-21T02-07-47-d878"


@pytest.fixture(scope="session")
def shipped_twice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two champions, and a run whose model was held back."""
    folder = build_project(tmp_path_factory.mktemp("twice") / "cards", rows=400)
    for run_id, depth, decision, exit_code in (
        ("r1", 3, "promote", 0),
        ("r2", 2, "promote", 0),
        (HELD_BACK, 4, "hold_back", 20),
    ):
        assert ship(folder, run_id, depth=depth, decision=decision).exit_code == exit_code
    return folder


@pytest.fixture
def cards(shipped_twice: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_twice, tmp_path / "cards"))


def mlkit(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--project", str(folder)])


def log_of(folder: Path) -> list[ChampionEntry]:
    return ChampionLog(load_project(folder).champions).entries()


def client_of(folder: Path) -> MlflowClient:
    return ModelRegistry.of(load_project(folder)).client


def delete(folder: Path, number: str) -> None:
    """Somebody tidies up in MLflow."""
    client_of(folder).delete_model_version("cards", number)


def model_of(folder: Path, n: int) -> Path:
    champions = load_project(folder).champions
    return Path(champions, ChampionLog(champions).entries()[n - 1].artifact).resolve()


def test_scoring_follows_a_rollback_with_its_next_start(cards: Path) -> None:
    assert run_steps(cards, "p1", "predict").summary["model_version"] == "2"
    done = mlkit(cards, "rollback", "cards", "--reason", "scores [b]are off[/b]\nsince noon", "--by", "ana")
    assert done.exit_code == 0, done.output
    assert "ROLLED BACK  cards version 1 is the champion (entry 3)." in done.output
    assert "ana: scores [b]are off[/b] since noon" in done.output
    assert "scores 100 rows of its holdout as it did when it was made" in done.output
    assert run_steps(cards, "p2", "predict").summary["model_version"] == "1"
    assert set(pd.read_parquet(cards / "scores")["model_version"]) == {"1"}
    assert log_of(cards)[-1].reason == "scores [b]are off[/b]\nsince noon"


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_version_that_is_not_what_was_promoted_is_refused_before_its_code_runs(cards: Path, forge: Forge) -> None:
    forge(model_of(cards, 1))
    refused = mlkit(cards, "rollback", "cards", "--reason", "off")
    assert isinstance(refused.exception, MLKitError)
    assert "cards version 1 cannot be loaded" in str(refused.exception)
    assert not mark_of(model_of(cards, 1)).exists()
    assert len(log_of(cards)) == 2


def test_a_version_that_has_lost_its_files_is_refused(cards: Path) -> None:
    shutil.rmtree(model_of(cards, 1))
    refused = mlkit(cards, "rollback", "cards", "--reason", "off")
    assert "cards version 1 has lost its files" in str(refused.exception)
    assert len(log_of(cards)) == 2


def test_a_version_that_scores_otherwise_than_it_did_is_refused(cards: Path) -> None:
    run = RunDirectory(f"{load_project(cards).runs}/r1")
    labels, scores = read_scores(run.published("evaluate").file("scores.parquet"))
    scores = scores.copy()
    scores[3] += 0.25
    attempt = run.step("evaluate").begin()
    write_scores(attempt.folder / "scores.parquet", labels, scores)
    ended = attempt.record(outcome=Outcome.DONE, exit_code=0, files=attempt.seal())
    attempt.end(ended)
    attempt.publish(ended)
    refused = mlkit(cards, "rollback", "cards", "--reason", "off")
    assert "cards version 1 gives other scores than when it was evaluated: row 3 of its holdout" in str(
        refused.exception
    )
    assert "1 of 100 rows differ" in str(refused.exception)
    assert "xgboost" in str(refused.exception)
    assert len(log_of(cards)) == 2


@pytest.mark.parametrize("gone", ["holdout_raw.parquet", "."], ids=["its rows", "its run"])
def test_without_the_rows_of_its_run_a_version_is_loaded_and_that_is_said(cards: Path, gone: str) -> None:
    run = Path(load_project(cards).runs) / "r1"
    for path in run.rglob(gone) if gone != "." else [run]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = mlkit(cards, "rollback", "cards", "--reason", "off")
    assert done.exit_code == 0, done.output
    assert "It loads, and its files are those of its id. It has scored nothing:" in done.output


def test_a_person_promotes_the_model_of_a_run_that_was_held_back(cards: Path) -> None:
    done = mlkit(cards, "promote", "--run", HELD_BACK, "--reason", "the gate is too strict", "--by", "bo")
    assert done.exit_code == 0, done.output
    assert "Its gates said hold back: The gates of the test say so." in done.output
    entry = log_of(cards)[-1]
    assert (entry.n, entry.run_id, entry.promoted_by, entry.by_person, entry.anchor) == (3, HELD_BACK, "bo", True, 1)
    again = mlkit(cards, "promote", "--run", HELD_BACK, "--reason", "the gate is too strict", "--by", "bo")
    assert "cards version 3 is the champion already" in again.output
    assert len(log_of(cards)) == 3
    assert json.loads(mlkit(cards, "audit", "--json").output)["gate_reports"] == 3


def test_every_version_is_listed_with_what_may_be_done_with_it(cards: Path) -> None:
    mlkit(cards, "promote", "--run", HELD_BACK, "--reason", "too strict")
    mlkit(cards, "rollback", "cards", "--reason", "off")
    delete(cards, "3")
    client_of(cards).create_model_version("cards", "models/x")
    listed = json.loads(mlkit(cards, "models", "versions", "--json").output)
    assert [(one["model_version"], one["run_id"], one["standing"]) for one in listed] == [
        ("4", "", ["not made by mlkit"]),
        ("3", HELD_BACK, ["former champion", "deleted in MLflow"]),
        ("2", "r2", ["champion"]),
        ("1", "r1", ["former champion", "anchor"]),
    ]
    assert listed[2]["model_id"] == log_of(cards)[1].model_id
    assert listed[2]["metrics"] == log_of(cards)[1].metrics
    said = mlkit(cards, "models", "versions").output
    assert "former champion" in said
    assert HELD_BACK in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["promote", "9"], "cards has no version '9'; known are 1, 2."),
        (["rollback", "cards", "--to", "9"], "cards has no version '9'; known are 1, 2."),
        (["models", "show", "9"], "cards has no version '9'; known are 1, 2."),
        (["promote", "v2"], "'v2' is no version: a version is a number"),
        (["rollback", "cards", "--to", "abc"], "'abc' is no version: a version is a number"),
        (["models", "diff", "1", "0x2"], "'0x2' is no version: a version is a number"),
    ],
)
def test_a_version_that_is_not_there_is_the_same_mistake_everywhere(cards: Path, words: list[str], said: str) -> None:
    refused = mlkit(cards, *words, *(["--reason", "off"] if words[0] != "models" else []))
    assert isinstance(refused.exception, UserError)
    assert refused.exception.message.startswith(said)
    assert refused.exception.hint == "mlkit models versions lists them."


@pytest.mark.parametrize(("number", "run_id"), [("1", "r1"), ("2", "r2")], ids=["a former champion", "the champion"])
def test_a_champion_that_was_deleted_in_mlflow_is_registered_again_from_the_run_that_the_error_names(
    cards: Path, number: str, run_id: str
) -> None:
    delete(cards, number)
    way = f"mlkit promote --run {run_id} registers it again."
    for words in (["promote", number], ["rollback", "cards", "--to", number]):
        refused = mlkit(cards, *words, "--reason", "off").exception
        assert isinstance(refused, UserError)
        assert way in str(refused)
    assert way in mlkit(cards, "audit").output
    done = mlkit(cards, "promote", "--run", run_id, "--reason", "it was deleted by mistake")
    assert done.exit_code == 0, done.exception
    entry = log_of(cards)[-1]
    assert (entry.model_version, entry.run_id, entry.model_id) == ("3", run_id, log_of(cards)[int(number) - 1].model_id)
    assert mlkit(cards, "audit").exit_code == 0
    assert run_steps(cards, "p1", "predict").summary["model_version"] == "3"


def test_a_frozen_model_is_held_back_with_the_reason_and_the_freeze_is_shown(cards: Path) -> None:
    frozen = mlkit(cards, "freeze", "cards", "--until", "2999-01-01", "--reason", "the sale [x]", "--by", "bo")
    said = "nothing is promoted automatically until 2999-01-01 00:00 UTC, says bo: the sale [x]"
    for told in (frozen, mlkit(cards, "models"), mlkit(cards, "audit")):
        assert said in told.output
    record = ship(cards, "r4", depth=5)
    assert record.exit_code == 20
    assert record.reason == "Promotion is frozen until 2999-01-01 00:00 UTC by bo: the sale [x]."
    assert "no longer frozen" in mlkit(cards, "unfreeze", "cards").output
    assert ship(cards, "r4").exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rollback", "card", "--reason", "x"), "makes no model 'card'; did you mean cards?"),
        (("rollback", "cards", "--reason", " "), "--reason is empty."),
        (("promote", "--reason", "x"), "Name either a version or --run."),
        (("promote", "--run", "r9", "--reason", "x"), "There is no run 'r9' in "),
        (("promote", "9", "--reason", "x"), "cards has no version '9'; known are 1, 2."),
        (("freeze", "cards", "--until", "2020-01-01", "--reason", "x"), "--until 2020-01-01 00:00 UTC has passed."),
    ],
)
def test_a_slip_of_the_tongue_changes_nothing_and_is_said(
    shipped_twice: Path, words: tuple[str, ...], said: str
) -> None:
    refused = mlkit(shipped_twice, *words)
    assert said in str(refused.exception)
    assert len(log_of(shipped_twice)) == 2

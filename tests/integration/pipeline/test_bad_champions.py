"""A retrain that meets a champion it cannot be compared with, or rows that are not what they were.

Each ends in a sentence: the champion is kept where nobody can tell, and replaced where the challenger is truly better.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from airflow_mlkit.cli.app import app
from airflow_mlkit.gates.report import GateReport
from airflow_mlkit.project import load_project
from airflow_mlkit.registry import ChampionLog
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.model_registry import ModelRegistry
from airflow_mlkit.rundir import Outcome, RunDirectory, StepRecord
from airflow_mlkit.steps.run import run_step
from tests.forging import seal
from tests.projects import build_project
from tests.stepping import RETRAIN, rewrite, run_steps

STUMP = {"max_depth": 1, "n_estimators": 1}


@pytest.fixture(scope="session")
def weak(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose champion is one small tree, so that the next retrain is truly better."""
    folder = build_project(tmp_path_factory.mktemp("weak") / "cards", rows=1500)
    edit(folder, train={"params": STUMP})
    shipped = run_steps(folder, "first", *RETRAIN)
    assert shipped.exit_code == 0, shipped.reason
    edit(folder, train={"params": {"max_depth": 3, "n_estimators": 30}})
    return folder


@pytest.fixture
def folder(weak: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(weak, tmp_path / "cards"))


def edit(folder: Path, **sections: Any) -> None:
    """Replace parts of mlkit.yaml; a mapping is merged with what stands there."""
    path = folder / "mlkit.yaml"
    spec = YAML(typ="safe").load(path.read_text())
    for name, section in sections.items():
        spec[name] = {**spec.get(name, {}), **section} if isinstance(section, dict) else section
    with path.open("w") as file:
        YAML().dump(spec, file)


def champion(folder: Path) -> ChampionEntry:
    head = ChampionLog(load_project(folder).champions).head()
    assert head is not None
    return head


def retrain(folder: Path, run_id: str = "second", **given: Any) -> StepRecord:
    """A whole retrain, up to the step that does not end well."""
    ended = run_steps(folder, run_id, "extract", **given)
    for step in RETRAIN[1:]:
        if ended.exit_code:
            break
        project = load_project(folder)
        ended = run_step(step, project, RunDirectory(f"{project.runs}/{run_id}"))
    return ended


def report(folder: Path) -> GateReport:
    path = Path(load_project(folder).runs) / "second/steps/gate/1/tries/1/gate_report.json"
    return GateReport.model_validate_json(path.read_bytes())


def crown(folder: Path, change: Callable[[Path], None] = lambda model: None, **fields: Any) -> None:
    """Make a changed copy of the champion the champion after it."""
    log = ChampionLog(load_project(folder).champions)
    before = champion(folder)
    copy = Path(shutil.copytree(model_of(folder), folder / "crowned"))
    change(copy)
    model_id = json.loads((copy / "model.json").read_text())["model_id"]
    values = before.model_dump() | {
        "n": before.n + 1,
        "artifact": str(copy),
        "model_id": model_id,
        "previous_hash": None,
    }
    assert log.append(ChampionEntry.model_validate(values | fields))


def model_of(folder: Path) -> Path:
    found = [path.parent for path in (folder / ".mlkit").rglob("model.json") if "runs" not in path.parts]
    assert len(found) == 1, found
    return found[0]


def test_a_sound_champion_is_replaced_by_a_better_model(folder: Path) -> None:
    ended = retrain(folder)
    assert ended.exit_code == 0, ended.reason
    assert champion(folder).n == 2


def _asks_for_a_number(folder: Path) -> None:
    edit(
        folder,
        problem={"kind": "regression"},
        data={"label": "amount", "features": ["country"]},
        gates=[{"metric": "rmse", "against": "champion"}],
    )
    spec = YAML(typ="safe").load((folder / "mlkit.yaml").read_text())
    del spec["problem"]["positive"], spec["data"]["types"]["fraud"]
    with (folder / "mlkit.yaml").open("w") as file:
        YAML().dump(spec, file)
    workflow = folder / "cards" / "workflow.py"
    workflow.write_text(workflow.read_text().replace("XGBClassifier", "XGBRegressor"))


def _has_a_feature_less(folder: Path) -> None:
    edit(
        folder, data={"features": ["amount"], "types": {"amount": "number", "created_at": "date", "fraud": "category"}}
    )
    rewrite(folder, lambda payments: payments.drop(columns="country"))


def _lost_the_files(folder: Path) -> None:
    shutil.rmtree(model_of(folder))


def _has_half_a_file(folder: Path) -> None:
    model = model_of(folder) / "model.ubj"
    model.write_bytes(model.read_bytes()[:100])


def _does_not_tell_its_rows(folder: Path) -> None:
    crown(folder, lambda copy: seal(copy, trained_rows=None) and None)


def _drops_rows(folder: Path) -> None:
    def change(copy: Path) -> None:
        code = copy / "code" / "cards" / "workflow.py"
        code.write_text(code.read_text() + "\n    def features(self, dataframe):\n        return dataframe.iloc[:-1]\n")
        seal(copy)

    crown(folder, change)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_asks_for_a_number, "it is a binary model, and this problem is regression"),
        (_has_a_feature_less, "it needs columns that are no longer there: country"),
        (_lost_the_files, "has lost its files"),
        (_has_half_a_file, "cannot be loaded"),
        (_does_not_tell_its_rows, "does not say which rows it learned from"),
        (_drops_rows, "could not be scored"),
    ],
)
def test_a_champion_that_cannot_be_compared_with_is_kept(
    folder: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(folder)
    before = champion(folder)
    ended = retrain(folder)
    assert ended.outcome is Outcome.HELD_BACK, ended.reason
    assert said in (ended.reason or "")
    assert "\n" not in (ended.reason or "")
    assert champion(folder) == before
    assert report(folder).results[-1].comparison is None or said in report(folder).reason


def test_a_gate_on_a_metric_that_the_champion_never_had_measures_it(folder: Path) -> None:
    costs = {"miss": 20, "false_alarm": 1}
    edit(folder, gates=[{"metric": "value", "against": "champion"}])
    with (folder / "mlkit.yaml").open("a") as file:
        file.write(f"evaluate: {{costs: {json.dumps(costs)}}}\n")
    ended = retrain(folder)
    assert ended.outcome in (Outcome.DONE, Outcome.HELD_BACK)
    assert report(folder).results[0].comparison.champion is not None


def test_a_version_that_was_deleted_in_mlflow_by_hand_is_compared_with_and_replaced(folder: Path) -> None:
    ModelRegistry.of(load_project(folder)).client.delete_model_version("cards", "1")
    ended = retrain(folder)
    assert ended.exit_code == 0, ended.reason
    assert champion(folder).n == 2


def test_an_alias_that_was_moved_by_hand_decides_nothing_and_is_set_right(folder: Path) -> None:
    assert retrain(folder).exit_code == 0
    client = ModelRegistry.of(load_project(folder)).client
    client.set_registered_model_alias("cards", "champion", "1")
    again = retrain(folder, "third")
    assert "The same model as the champion (version 2)" in (again.reason or "")
    assert CliRunner().invoke(app, ["audit", "--heal", "--project", str(folder)]).exit_code == 0
    assert str(client.get_model_version_by_alias("cards", "champion").version) == champion(folder).model_version


def test_an_older_as_of_than_the_champions_is_held_back(folder: Path) -> None:
    ended = retrain(folder, as_of=datetime(2026, 4, 1, tzinfo=UTC))
    assert ended.outcome is Outcome.HELD_BACK
    assert "is older than the champion's" in (ended.reason or "")


def test_a_machine_whose_clock_is_behind_promotes_all_the_same_and_the_audit_says_so(folder: Path) -> None:
    crown(folder, lambda copy: None, promoted_at=datetime(2050, 1, 1, tzinfo=UTC))
    ended = retrain(folder)
    assert ended.exit_code == 0, ended.reason
    assert champion(folder).n == 3
    said = CliRunner().invoke(app, ["audit", "--project", str(folder)]).output
    assert "a clock was wrong" in " ".join(said.split())


def test_a_freeze_said_by_a_clock_that_is_ahead_holds_until_its_end(folder: Path) -> None:
    words = ["--until", "2049-01-01", "--reason", "audit\n[b]season[/b]", "--project", str(folder)]
    assert CliRunner().invoke(app, ["freeze", "cards", *words]).exit_code == 0
    ended = retrain(folder)
    assert ended.outcome is Outcome.HELD_BACK
    assert "promotion is frozen until 2049-01-01" in (ended.reason or "").lower()
    assert "audit [b]season[/b]" in (ended.reason or "")


def test_a_feed_that_was_merged_twice_makes_nothing_surer(folder: Path) -> None:
    once = Path(shutil.copytree(folder, folder.parent / "once"))
    rewrite(folder, lambda payments: pd.concat([payments, payments.sample(frac=1, random_state=0)]))
    for each in (once, folder):
        run_steps(each, "second", *RETRAIN[:-1])
    plain, doubled = (report(each).results[1].comparison for each in (once, folder))
    assert doubled.rows == 2 * doubled.entities == 2 * plain.rows
    width = [found.interval.high - found.interval.low for found in (plain, doubled)]
    assert width[1] == pytest.approx(width[0], rel=0.15)
    assert "rows of one key count together" in report(folder).notes[0]


def test_copies_of_rows_without_a_key_count_together_and_are_said(folder: Path) -> None:
    edit(folder, data={"holdout": {"sampling": "hash", "fraction": 0.3}})
    (folder / ".mlkit" / "champions" / "cards" / "1.json").unlink()
    shutil.rmtree(folder / ".mlkit")
    assert run_steps(folder, "first", *RETRAIN).exit_code == 0
    rewrite(folder, lambda payments: pd.concat([payments, payments]))
    ended = retrain(folder)
    assert ended.outcome in (Outcome.DONE, Outcome.HELD_BACK), ended.reason
    assert any("are the same as another in every column" in note for note in report(folder).notes)
    compared = report(folder).results[1].comparison
    assert compared is not None
    assert compared.rows == 2 * (compared.entities or 0)


BROKEN = """
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from airflow_mlkit import Workflow


class Broken(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)]

    def predict_proba(self, X):
        amounts = X["amount"].to_numpy(dtype=float)
        scores = np.where(amounts > 60, BROKEN_SCORE, amounts / 100)
        return np.column_stack([1 - scores, scores])


class Cards(Workflow):
    def train(self, training_dataframe, validation_dataframe):
        return Broken().fit(training_dataframe[self.feature_columns], training_dataframe[self.label])
"""


@pytest.mark.parametrize("score", ["float('nan')", "float('inf')"])
@pytest.mark.parametrize("everywhere", [True, False], ids=["on many rows", "on one row of the holdout"])
def test_a_challenger_whose_scores_are_no_numbers_is_never_promoted(folder: Path, score: str, everywhere: bool) -> None:
    (folder / "cards" / "workflow.py").write_text(BROKEN.replace("BROKEN_SCORE", score))
    edit(folder, train={"trusted_types": ["cards.workflow.Broken"]})
    if not everywhere:
        held_out = pd.read_parquet(next((folder / ".mlkit").rglob("holdout_raw.parquet"))).payment_id.iloc[0]
        rewrite(folder, lambda payments: payments.assign(amount=payments.amount.clip(upper=59)))
        rewrite(folder, lambda all_: all_.assign(amount=all_.amount.mask(all_.payment_id == held_out, 61)))
    before, ended = champion(folder), retrain(folder)
    assert ended.exit_code == 2
    assert ("scores for 1 of 440 rows" in (ended.reason or "")) != everywhere
    assert "the model gives" in (ended.reason or "")
    assert champion(folder) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda payments: payments.head(10), ""),
        (lambda payments: payments.assign(fraud="no"), ""),
        (lambda payments: payments.assign(fraud=(payments.fraud == "yes").astype(int)), "fraud"),
    ],
    ids=["a handful of rows", "one class", "labels of another type"],
)
def test_rows_that_cannot_decide_end_in_a_sentence_and_keep_the_champion(
    folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame], said: str
) -> None:
    edit(folder, train={"min_examples": 1})
    rewrite(folder, change)
    before = champion(folder)
    ended = retrain(folder)
    assert ended.exit_code in (3, 20), ended.reason
    assert said in (ended.reason or "")
    assert champion(folder) == before

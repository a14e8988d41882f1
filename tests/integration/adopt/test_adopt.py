"""Adoption of models that were logged by hand into a real MLflow, and what the next retrains make of them."""

from __future__ import annotations

import copy
import json
import multiprocessing
import re
import shutil
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from typer.testing import CliRunner

from airflow_mlkit.cli.app import app
from airflow_mlkit.exceptions import MLKitError, RegistryError, UserError
from airflow_mlkit.gates.report import GateReport
from airflow_mlkit.local import adopt as adopting
from airflow_mlkit.project import load_project
from airflow_mlkit.registry import ChampionLog
from airflow_mlkit.registry.adoption import TrainingWord
from airflow_mlkit.registry.audit import audit
from airflow_mlkit.registry.load import load_champion
from airflow_mlkit.registry.model_registry import LOG_TAG, ModelRegistry
from airflow_mlkit.rundir import RunDirectory
from tests import dying
from tests.adopting import (
    BY_HAND,
    adopt_by_ana,
    adopt_judged,
    adopt_together,
    fit_pipeline,
    log_pyfunc,
    log_sklearn,
    log_trap,
    log_xgboost,
    logging_into,
    read_rows,
)
from tests.projects import build_project
from tests.stepping import RETRAIN, run_steps

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(scope="session")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project without a champion, and an XGBoost model of its name that somebody has registered by hand."""
    folder = build_project(tmp_path_factory.mktemp("by hand") / "cards", rows=900)
    (folder / ".mlkit").mkdir()
    number = log_xgboost(folder, "cards")
    ModelRegistry.of(load_project(folder)).client.set_registered_model_alias("cards", "champion", number)
    return folder


@pytest.fixture
def folder(logged: Path, tmp_path: Path) -> Path:
    """The same in a folder of the test's own; the artifacts stay where MLflow has them."""
    return Path(shutil.copytree(logged, tmp_path / "cards", ignore=shutil.ignore_patterns("by-hand")))


def edit_data(folder: Path, **data: Any) -> None:
    path = folder / "mlkit.yaml"
    spec = YAML(typ="safe").load(path.read_text())
    spec["data"] |= data
    with path.open("w") as file:
        YAML().dump(spec, file)


def told(folder: Path, *words: str) -> str:
    """What a command prints, on one line and without the branches of a tree."""
    done = CliRunner().invoke(app, [*words, "--project", str(folder)])
    assert done.exit_code == 0, done.exception
    return " ".join(re.sub("[│├└─]", " ", done.stdout).split())


def champions_of(folder: Path) -> ChampionLog:
    return ChampionLog(load_project(folder).champions)


def judge_retrain(folder: Path, run_id: str = "r1") -> GateReport:
    """A retrain as far as promote, and what its gates said."""
    run_steps(folder, run_id, *RETRAIN)
    report = RunDirectory(f"{load_project(folder).runs}/{run_id}").published("gate").file("gate_report.json")
    return GateReport.model_validate_json(report.read_bytes())


def test_an_adopted_model_is_champion_1_scores_and_is_never_compared_on_rows_it_may_have_seen(folder: Path) -> None:
    options = ["--reason", "it has served\n[bold]since March", "--by", "ana", "--project", str(folder)]
    result = CliRunner().invoke(app, ["adopt", "models:/cards@champion", *options])
    assert result.exit_code == 0, result.output
    assert "ADOPTED  cards version 2 is the champion (entry 1)." in result.output
    assert "taken from  models:/cards/1" in result.output
    (entry,) = champions_of(folder).entries()
    assert (entry.action, entry.by_person, entry.anchor, entry.promoted_by) == ("adopt", True, 1, "ana")
    assert entry.adopted_from == "models:/cards/1"
    assert CliRunner().invoke(app, ["audit", "--project", str(folder)]).exit_code == 0
    registry = ModelRegistry.of(load_project(folder))
    assert registry.version("2").tags["mlkit.adopted_from"] == "models:/cards/1"
    assert run_steps(folder, "p1", "predict").exit_code == 0
    report = judge_retrain(folder)
    assert report.decision == "hold_back"
    assert "it was adopted, and may have learned from every row until it was registered" in report.reason
    assert "mlkit promote --run" in report.reason
    assert "cannot be compared with it yet" in result.output


@pytest.mark.parametrize(
    ("data", "training"),
    [
        ({"holdout": {"sampling": "date_range", "last": "60d"}}, TrainingWord(until=datetime(2026, 4, 1, tzinfo=UTC))),
        ({}, TrainingWord(unseen_because="we hold out the same payments")),
        ({"holdout": {"sampling": "date_range", "last": "60d"}}, TrainingWord(unseen_because="it was made in 2025")),
    ],
    ids=["until a day", "a hash holdout", "a date holdout"],
)
def test_a_persons_word_about_its_rows_lets_the_next_retrain_be_compared(
    folder: Path, data: dict[str, Any], training: TrainingWord
) -> None:
    edit_data(folder, **data)
    found = adopt_by_ana(folder, "models:/cards/1", training=training)
    assert found.outlook == "The next retrain is compared with it on the holdout."
    (entry,) = champions_of(folder).entries()
    assert (entry.trained_until, entry.unseen_because) == (training.until, training.unseen_because)
    comparison = judge_retrain(folder).results[1].comparison
    assert comparison is not None
    assert comparison.estimate is not None


def test_a_word_that_reaches_into_the_holdout_leaves_it_uncompared_and_says_whose_word_it_was(folder: Path) -> None:
    edit_data(folder, holdout={"sampling": "date_range", "last": "60d"})
    adopt_by_ana(folder, "models:/cards/1", training=TrainingWord(until=datetime(2026, 6, 1, tzinfo=UTC)))
    assert "it learned from rows up to 2026-06-01 00:00, says who adopted it" in judge_retrain(folder).reason


def test_a_scikit_learn_model_on_its_own_labels_scores_as_it_did(folder: Path) -> None:
    """Its classes are texts, and its rows are plain text and numbers."""
    model = fit_pipeline(folder)
    number = log_sklearn(folder, BY_HAND, model)
    adopt_by_ana(folder, f"models:/{BY_HAND}/{number}")
    entry = champions_of(folder).head()
    assert entry is not None
    rows, _ = read_rows(folder)
    expected = model.predict_proba(rows)[:, list(model.classes_).index("yes")]
    scores = load_champion(load_project(folder), entry).score_raw(rows)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-6)


def test_a_pickle_that_was_logged_anew_as_the_refusal_says_is_adopted_and_tells_what_it_looks_at(folder: Path) -> None:
    """An imputer needs a type that MLflow and skops do not trust by themselves. Only one of the columns is used."""
    rows, fraud = read_rows(folder)
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()).fit(rows[["amount"]], fraud)
    number = log_sklearn(folder, BY_HAND, model, "pickle")
    with pytest.raises(UserError) as caught:
        adopt_by_ana(folder, f"models:/{BY_HAND}/{number}")
    snippet = str(caught.value).partition("adopt that version:\n")[2]
    with logging_into(folder):
        exec(textwrap.dedent(snippet), {})
    adopt_by_ana(folder, f"models:/{BY_HAND}/{int(number) + 1}")
    said = told(folder, "lineage", "--column", "country")
    assert "cards version 2 gives it to features(). The model does not see it." in said
    assert "cards version 2 looks at it." in told(folder, "lineage", "--column", "amount")
    assert "looks at 1 column" in told(folder, "lineage")


def test_an_adopted_version_claims_nothing_that_nobody_knows(folder: Path) -> None:
    adopt_by_ana(folder, "models:/cards/1")
    said = told(folder, "models", "show", "2")
    assert "adopted from models:/cards/1" in said
    assert "adopted with python 3." in said
    assert "seed, threads" not in said
    assert "trained on" not in said
    said = told(folder, "lineage", "--model", "cards")
    assert "adopted from: models:/cards/1 What it learned from is not recorded" in said
    tags = ModelRegistry.of(load_project(folder)).version("2").tags
    assert not {"mlkit.seed", "mlkit.threads", "mlkit.device", "mlkit.platform", "mlkit.image"} & set(tags)
    refused = CliRunner().invoke(app, ["reproduce", "2", "--project", str(folder)]).exception
    assert "nobody wrote down how it was trained" in str(refused)


@pytest.mark.parametrize("positive", ["yes", "no"])
def test_the_order_of_its_classes_is_kept_whichever_is_positive(folder: Path, positive: str) -> None:
    path = folder / "mlkit.yaml"
    path.write_text(
        path.read_text().replace("positive: yes", f"positive: '{positive}'").replace("'yes'", f"'{positive}'")
    )
    assert load_project(folder).spec.problem.positive == positive  # type: ignore[union-attr]
    found = adopt_by_ana(folder, "models:/cards/1")
    assert (found.metrics["roc_auc"] or 0) > 0.6
    assert "0 means no, 1 means yes; say it with --classes if not" in found.notes


def test_classes_that_are_the_other_way_round_are_noticed_and_can_be_said(folder: Path) -> None:
    _, fraud = read_rows(folder)
    number = log_xgboost(folder, BY_HAND, labels=(fraud == "no").astype(int))
    address = f"models:/{BY_HAND}/{number}"
    with pytest.raises(UserError, match="ranks the positive class last"):
        adopt_by_ana(folder, address)
    assert champions_of(folder).head() is None
    found = adopt_by_ana(folder, address, classes=("yes", "no"))
    assert (found.metrics["roc_auc"] or 0) > 0.6


def log_regression(folder: Path) -> str:
    rows, _ = read_rows(folder)
    return log_sklearn(folder, BY_HAND, fit_pipeline(folder, LinearRegression(), labels=rows["amount"]))


def log_three_classes(folder: Path) -> str:
    rows, _ = read_rows(folder)
    return log_sklearn(folder, BY_HAND, fit_pipeline(folder, labels=rows["country"]))


def log_other_features(folder: Path) -> str:
    return log_xgboost(folder, BY_HAND, rename={"amount": "amount_in_eur"})


def log_other_types(folder: Path) -> str:
    """A booster that was fitted on codes of countries, as numbers."""
    return log_xgboost(folder, BY_HAND, encode=lambda countries: countries.str.len())


def log_without_names(folder: Path) -> str:
    rows, fraud = read_rows(folder)
    return log_sklearn(folder, BY_HAND, LogisticRegression().fit(rows[["amount"]].to_numpy(), fraud))


def log_untrusted(folder: Path) -> str:
    rows, fraud = read_rows(folder)
    model = make_pipeline(FunctionTransformer(copy.deepcopy), LogisticRegression()).fit(rows[["amount"]], fraud)
    return log_sklearn(folder, BY_HAND, model, skops_trusted_types=["copy.deepcopy"])


def log_damaged(folder: Path) -> str:
    number = log_xgboost(folder, BY_HAND)
    for path in (folder / ".mlkit/by-hand").rglob("model.ubj"):
        path.write_bytes(path.read_bytes()[:200])
    return number


def log_outside(folder: Path) -> str:
    number = log_xgboost(folder, BY_HAND)
    for path in (folder / ".mlkit/by-hand").rglob("MLmodel"):
        path.write_text(path.read_text().replace("data: model.ubj", "data: ../../../../../etc/hostname"))
    return number


def log_and_lose(folder: Path) -> str:
    number = log_xgboost(folder, BY_HAND)
    shutil.rmtree(folder / ".mlkit/by-hand")
    return number


def log_a_trap(folder: Path) -> str:
    return log_trap(folder, BY_HAND, folder / "executed")


def log_code(folder: Path) -> str:
    return log_pyfunc(folder, BY_HAND)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (log_a_trap, "is kept as a pickle. The kit never unpickles"),
        (log_code, "is a pyfunc model: Python code around a model, in a pickle"),
        (log_regression, "It is a regression model"),
        (log_three_classes, "It tells 3 classes apart"),
        (log_other_features, "columns that this project does not have: amount_in_eur"),
        (log_other_types, "'country' is a category here and a number there"),
        (log_without_names, "does not say on which columns it was fitted"),
        (log_untrusted, "copy.deepcopy is not on the reviewed list"),
        (log_damaged, "cannot be loaded"),
        (log_outside, "names the file '../../../../../etc/hostname', which is not there"),
        (log_and_lose, "refuses"),
    ],
)
def test_what_cannot_be_taken_over_is_refused_with_the_reason_and_changes_nothing(
    folder: Path, log: Callable[[Path], str], said: str
) -> None:
    number = log(folder)
    with pytest.raises(MLKitError) as caught:
        adopt_by_ana(folder, f"models:/{BY_HAND}/{number}")
    assert said in str(caught.value)
    assert not (folder / "executed").exists(), "nothing was unpickled"
    assert champions_of(folder).head() is None
    registry = ModelRegistry.of(load_project(folder))
    assert LOG_TAG not in registry.client.get_registered_model("cards").tags
    assert [version.version for version in registry.versions()] == [1]
    assert not (folder / ".mlkit/runs").exists() or log is log_other_types, "no row was read for it"


@pytest.mark.parametrize(
    ("body", "early"),
    [
        ("return dataframe.assign(large=dataframe['amount'] > 50)", True),
        ("return pandas.get_dummies(dataframe, columns=['country'])", False),
        ("return dataframe.assign(zero=dataframe['amount'].to_numpy()[0] * 0)", False),
    ],
    ids=["adds a column", "needs the values", "needs a row"],
)
def test_columns_that_only_rows_can_tell_are_looked_for_after_the_split(folder: Path, body: str, early: bool) -> None:
    path = folder / "cards/workflow.py"
    path.write_text(f"import pandas\n{path.read_text()}\n    def features(self, dataframe):\n        {body}\n")
    with pytest.raises(UserError, match="columns that this project does not have: amount_in_eur"):
        adopt_by_ana(folder, f"models:/{BY_HAND}/{log_other_features(folder)}")
    assert (folder / ".mlkit/runs").exists() is not early


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("models:/cards/9", "MLflow has no version 9 of cards."),
        ("models:/cards@gone", "MLflow has no alias 'gone' of cards."),
        ("models:/card/1", "did you mean cards?"),
        ("models:/cards/Production", "is no address of a registered model"),
        ("runs:/abc/model", "is no address of a registered model"),
        ("models:/a' or '1'='1/1", "MLflow has no version 1 of a registered model"),
        ("models:/../../etc/1", "is no address of a registered model"),
        ("models:/cards/1\n", "is no address of a registered model"),
        ("", "is no address of a registered model"),
    ],
)
def test_an_address_that_leads_nowhere_says_what_there_is(folder: Path, address: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        adopt_by_ana(folder, address)
    assert said in str(caught.value)


def test_a_deleted_version_and_an_mlflow_that_is_away_are_told(folder: Path) -> None:
    number = log_xgboost(folder, BY_HAND)
    ModelRegistry.of(load_project(folder)).client.delete_model_version(BY_HAND, number)
    with pytest.raises(UserError, match="MLflow has no version"):
        adopt_by_ana(folder, f"models:/{BY_HAND}/{number}")
    (folder / ".mlkit/mlflow.db").write_text("no database")
    with pytest.raises(RegistryError, match="MLflow at"):
        adopt_by_ana(folder, "models:/cards/1")


def test_only_the_first_champion_can_be_adopted_and_once_is_enough(folder: Path) -> None:
    first = adopt_by_ana(folder, "models:/cards/1")
    again = adopt_by_ana(folder, "models:/cards/1")
    assert (first.change.changed, again.change.changed) == (True, False)
    number = log_xgboost(folder, BY_HAND)
    with pytest.raises(UserError, match="There is a champion already: cards version 2"):
        adopt_by_ana(folder, f"models:/{BY_HAND}/{number}")
    assert len(champions_of(folder).entries()) == 1


def test_an_adopted_model_can_be_replaced_and_rolled_back_to(folder: Path) -> None:
    adopt_by_ana(folder, "models:/cards/1")
    judge_retrain(folder)
    options = ["--project", str(folder), "--reason", "newer data"]
    assert CliRunner().invoke(app, ["promote", "--run", "r1", *options]).exit_code == 0
    back = CliRunner().invoke(app, ["rollback", "cards", *options, "--json"])
    assert back.exit_code == 0, back.output
    champion = json.loads(back.output)["champion"]
    assert (champion["n"], champion["restores"], champion["adopted_from"]) == (3, 1, "models:/cards/1")


def test_a_log_that_cannot_be_written_leaves_nobody_champion(folder: Path) -> None:
    place = Path(load_project(folder).champions)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("no folder")
    with pytest.raises(MLKitError):
        adopt_by_ana(folder, "models:/cards/1")
    place.unlink()
    assert adopt_by_ana(folder, "models:/cards/1").change.changed
    assert len(ModelRegistry.of(load_project(folder)).versions()) == 2, "registered once"


def test_an_adoption_killed_before_one_of_its_writes_is_finished_by_the_same_command(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> None:
        raise UserError("stopped before it is written")

    with monkeypatch.context() as patch:
        patch.setattr(adopting, "adopt_challenger", stop)
        with pytest.raises(UserError, match="stopped"):
            adopt_by_ana(folder, "models:/cards/1")
    (run_dir,) = Path(load_project(folder).runs).iterdir()
    killed = 0
    for write in count(2, 5):  # not each of some twenty: two processes and a copy of the project cost seconds
        home = Path(shutil.copytree(folder, tmp_path / f"copy-{write}"))
        if not dying.run(adopt_judged, home, run_dir.name, killed_before=write):
            break
        killed += 1
        assert not dying.run(adopt_judged, home, run_dir.name)
        registry = ModelRegistry.of(load_project(home))
        assert [entry.action for entry in registry.log.entries()] == ["adopt"], write
        assert [version.version for version in registry.versions()] == [2, 1], write
        assert audit(load_project(home)).is_whole, write
    assert killed > 2


def test_of_two_who_adopt_at_once_one_is_told_that_there_is_a_champion(folder: Path) -> None:
    addresses = ["models:/cards/1", f"models:/{BY_HAND}/{log_xgboost(folder, BY_HAND, random_state=1)}"]
    barrier, results = SPAWN.Barrier(2), SPAWN.Queue()
    people = [
        SPAWN.Process(target=adopt_together, args=(folder, number, address, barrier, results))
        for number, address in enumerate(addresses)
    ]
    for person in people:
        person.start()
    for person in people:
        person.join(timeout=200)
    found = [results.get(timeout=10) for _ in people]
    assert sorted(n is None for _, n, _ in found) == [False, True]
    assert any("There is a champion already" in said for _, _, said in found)
    assert len(champions_of(folder).entries()) == 1
    assert CliRunner().invoke(app, ["audit", "--project", str(folder)]).exit_code == 0

"""`mlkit lineage`: across the projects of a registry, and from one model back and forward."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from airflow_mlkit.cli.app import app
from airflow_mlkit.exceptions import MLKitError, RegistryError, UserError
from airflow_mlkit.registry import ChampionLog
from airflow_mlkit.registry.lineage import read_registry
from airflow_mlkit.registry.model_registry import LOG_TAG, ModelRegistry
from airflow_mlkit.registry.promotion import promote
from airflow_mlkit.registry.provenance import GitState, Provenance
from tests.challengers import build_challenger, report_against
from tests.projects import WORKFLOW, build_project
from tests.stepping import RETRAIN, run_steps

MARKUP = "<script>alert(1)</script> [red]it's[/]\x1b[31m"
ENGINEERED = (
    WORKFLOW
    + '''
    def features(self, dataframe):
        """Amounts by their size."""
        return dataframe.assign(large=dataframe["amount"] > 50).drop(columns="country")
'''
)


@pytest.fixture(scope="module")
def registry(tmp_path_factory) -> Path:
    """Three of the kit's models with champions, one without, and one that somebody else registered."""
    folder = tmp_path_factory.mktemp("registry")
    ship(
        folder, "churn", 70, features=("age", "amount"), source={"path": "s3://dwh/customers"}, owner="ana@example.com"
    )
    ship(
        folder,
        "churn",
        80,
        features=("amount", "tenure"),
        source={"path": "s3://dwh/customers"},
        owner="ana@example.com",
    )
    query = {"sql": "queries/payments.sql", "connection": "warehouse", "query_hash": "12"}
    roles = {"date": ("created_at",), "slice": ("country",)}
    made = ("amount", "amount_log")
    ship(
        folder,
        "fraud",
        70,
        features=("amount", "country"),
        model_features=made,
        source=query,
        owner="Risk",
        roles=roles,
    )
    ship(folder, "odd", 70, features=(MARKUP,), source={"path": MARKUP}, owner=MARKUP, label="churned")
    client = open_model(folder, "churn").client
    client.create_registered_model("somebody-elses")
    client.create_registered_model("young", tags={LOG_TAG: "champions/young"})
    return folder


def open_model(folder: Path, name: str) -> ModelRegistry:
    return ModelRegistry(address(folder), name, ChampionLog(folder / "champions" / name))


def address(folder: Path) -> str:
    return f"sqlite:///{folder}/mlflow.db"


def ship(folder: Path, name: str, score: int, *, source: dict[str, str], **fields: object) -> None:
    """Make a model with these facts the champion."""
    provenance = Provenance(git=GitState("abc123", clean=False), source=source)
    (folder / name).mkdir(exist_ok=True)
    challenger = build_challenger(folder / name, score, model_name=name, provenance=provenance, **fields)
    model = open_model(folder, name)
    promotion = promote(challenger, model, report_against(model.log.head(), challenger), pytest.fail)
    assert promotion.decision == "promoted"


def ask(folder: Path, *arguments: str, code: int = 0) -> str:
    """What `mlkit lineage` prints."""
    done = CliRunner().invoke(app, ["lineage", "--registry", address(folder), *arguments])
    if isinstance(done.exception, MLKitError):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def flat(text: str) -> str:
    """A tree without its branches and its line breaks."""
    return " ".join(re.sub("[│├└─]", " ", text).split())


def answer(folder: Path, *arguments: str) -> dict[str, Any]:
    return json.loads(ask(folder, *arguments, "--json"))


def titles(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(model["model_name"], model["model_version"]) for model in found["models"]]


def test_who_uses_a_column_is_told_across_projects(registry):
    """Champions only, unless all versions are asked for; each with its role."""
    found = answer(registry, "--column", "amount")
    assert titles(found) == [("churn", "2"), ("fraud", "1")]
    assert found["foreign"] == 1
    assert found["unpromoted"] == ["young"]
    everything = answer(registry, "--column", "age", "--all-versions")
    assert [(*title, everything["models"][0]["standing"]) for title in titles(everything)] == [
        ("churn", "1", "former champion")
    ]
    text = ask(registry, "--column", "amount")
    assert "amount: 2 model versions use it" in text
    assert "from s3://dwh/customers" in text
    assert "from queries/payments.sql over warehouse (of fraud)" in text
    assert "1 registered model is not the kit's" in text


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("country", "The model does not see it. features() makes amount_log of amount, country;"),
        ("country", "gives it to features() and is looked at separately for its values"),
        ("amount_log", "It is made of amount, country; from which of them is not recorded."),
        ("created_at", "fraud version 1 dates its rows by it."),
        ("churned", "odd version 1 learns to tell it."),
    ],
)
def test_a_column_is_shown_with_what_it_is_used_for(registry, column, expected):
    assert expected in flat(ask(registry, "--column", column))


def test_sources_and_owners_are_found_too_and_filters_go_together(registry):
    assert titles(answer(registry, "--source", "s3://dwh/*")) == [("churn", "2")]
    assert titles(answer(registry, "--source", "warehouse")) == [("fraud", "1")]
    assert titles(answer(registry, "--owner", "RISK")) == [("fraud", "1")]
    assert titles(answer(registry, "--owner", "risk", "--column", "tenure")) == []
    assert titles(answer(registry)) == [("churn", "2"), ("fraud", "1"), ("odd", "1")]


def test_what_nobody_uses_is_an_answer_with_the_nearest_name(registry):
    assert "No model uses a column 'amout'; did you mean amount?" in ask(registry, "--column", "amout")
    assert "No model uses a column 'zzz'.\n" in ask(registry, "--column", "zzz")
    assert "did you mean Risk?" in ask(registry, "--owner", "riks")
    assert "No model learns from a source 'mars'" in ask(registry, "--source", "mars")
    with pytest.raises(UserError, match="No model is called 'chrun'; did you mean churn"):
        ask(registry, "--model", "chrun")
    with pytest.raises(UserError, match="churn has no version '7'"):
        ask(registry, "--model", "churn", "--version", "7")
    with pytest.raises(UserError, match="young has no champion yet"):
        ask(registry, "--model", "young")
    with pytest.raises(UserError, match="--version needs --model"):
        ask(registry, "--version", "7")


def test_names_with_markup_stay_text(registry, tmp_path):
    """In the terminal and on the page, which runs nothing."""
    text = ask(registry, "--owner", MARKUP, "--html", str(tmp_path / "page.html"))
    assert "[red]it's[/]\\x1b[31m" in text
    page = (tmp_path / "page.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    with pytest.raises(UserError, match="cannot be written"):
        ask(registry, "--html", str(tmp_path / "away" / "page.html"))


def test_a_log_that_cannot_be_read_is_named_and_the_others_are_shown(tmp_path):
    """The answer says that it may lack models, also by its exit code."""
    for name in ("churn", "fraud"):
        ship(tmp_path, name, 70, features=("amount",), source={"path": "s3://dwh/a"})
    (tmp_path / "champions" / "fraud" / "1.json").write_text("{")
    text = ask(tmp_path, "--column", "amount", code=1)
    assert "churn version 1" in text
    assert re.search(r"✗ fraud: .*1\.json is damaged", text)
    assert "So the answer may lack models." in text
    with pytest.raises(UserError, match="No model is called 'fraud'"):
        ask(tmp_path, "--model", "fraud")


def test_a_registry_that_is_away_says_so(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryError, match="refuses") as raised:
        read_registry("http://ana:secret@127.0.0.1:9")
    assert "secret" not in str(raised.value)


def test_a_version_that_tells_no_columns_is_counted_and_too_long_a_list_is_read_from_its_file(tmp_path):
    many = tuple(f"a_rather_long_name_of_a_column_{number}" for number in range(300))
    ship(tmp_path, "wide", 70, features=many, source={"path": "s3://dwh/a"})
    ship(tmp_path, "old", 70, features=(), source={})
    found = answer(tmp_path, "--column", many[-1])
    assert titles(found) == [("wide", "1")]
    text = ask(tmp_path)
    assert "old version 1: registered before versions said which columns they use." in text
    assert "source not recorded" in text


def test_a_real_project_is_followed_back_and_forward(tmp_path):
    """Source, snapshot, run, features and their making; then the scores, with what replaced them."""
    folder = build_project(tmp_path / "cards", rows=400, workflow=ENGINEERED)
    assert run_steps(folder, "r1", *RETRAIN).exit_code == 0
    for run_id in ("p1", "p2"):
        assert run_steps(folder, run_id, "predict").exit_code == 0
    runner = CliRunner()
    done = runner.invoke(app, ["lineage", "--project", str(folder), "--model", "cards", "--json"])
    found = json.loads(done.output)
    assert (found["snapshot"]["rows"], found["snapshot"]["is_there"], found["run_is_there"]) == (400, True, True)
    assert [(each["rows"], each["replaced_by"], each["is_there"]) for each in found["scores"]] == [
        (400, "1", True),
        (400, None, True),
    ]
    assert found["servers"] is None
    assert found["model"]["facts"]["roles"] == {
        "date": ["created_at"],
        "holdout key": ["payment_id"],
        "score key": ["payment_id"],
    }
    text = flat(runner.invoke(app, ["lineage", "--project", str(folder), "--model", "cards"]).output)
    assert "snapshot: " in text
    assert "400 rows" in text
    assert "commit: none" in text
    assert "the model gets: amount, large" in text
    assert "scores: 1 file, 400 rows, 1 more written anew since" in text
    assert "written anew by version 1 since" in text
    assert "no server is recorded" in text
    page = tmp_path / "page.html"
    runner.invoke(app, ["lineage", "--project", str(folder), "--model", "cards", "--html", str(page)])
    assert page.read_text().count('class="box scores"') == 2
    for file in (folder / ".mlkit" / "runs" / "cards" / "r1").rglob("*"):
        if file.is_file():
            file.unlink()
    gone = runner.invoke(app, ["lineage", "--project", str(folder), "--model", "cards"])
    assert gone.exit_code == 0
    assert "r1 (cleaned away)" in flat(gone.output)
    assert "rows not known any more" in flat(gone.output)

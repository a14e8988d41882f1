"""What OpenLineage is told of real steps: which datasets, which columns, and nobody's password."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

from airflow_mlkit.airflow.run_place import find_run_directory
from airflow_mlkit.project import load_project
from airflow_mlkit.rundir import RunDirectory, RunRecord
from airflow_mlkit.steps.run import run_step
from tests.projects import WORKFLOW, build_project, default_spec

pytestmark = [pytest.mark.needs("airflow", "openlineage")]

SECRET = "p@ss w:rd"
RETRAIN = ("extract", "validate", "split", "train", "evaluate", "gate", "promote")
ENGINEERED = (
    WORKFLOW
    + '''
    def features(self, dataframe):
        """Amounts by their size."""
        return dataframe.assign(large=dataframe["amount"] > 50)
'''
)


def run_for(folder: Path, *steps: str, is_retrain: bool = True) -> None:
    """Run steps where Airflow's operator would look for the run `r1`."""
    project = load_project(folder)
    record = RunRecord(name=project.spec.name, run_id="r1", started=datetime.now(UTC))
    run = RunDirectory.create(find_run_directory(project, "r1", is_retrain=is_retrain), record)
    for step in steps:
        run_step(step, project, run)


def told(folder: Path, step: str, *, failed: bool = False) -> dict[str, Any]:
    """The event that a step's end makes, as it is sent."""
    from airflow_mlkit.airflow import pipeline_dags
    from tests.openlineage import find_problems

    dag = pipeline_dags(folder)[f"cards-{'predict' if step == 'predict' else 'retrain'}"]
    operator: Any = dag.get_task(step)
    instance = SimpleNamespace(run_id="r1", start_date=datetime.now(UTC) - timedelta(hours=1))
    method = "get_openlineage_facets_on_failure" if failed else "get_openlineage_facets_on_complete"
    event = as_sent(getattr(operator, method)(instance))
    assert find_problems(event) == []
    return event


def as_sent(lineage: Any) -> dict[str, Any]:
    """An event with a step's datasets and facets."""
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.serde import Serde

    event = RunEvent(
        eventType=RunState.COMPLETE,
        eventTime="2026-01-31T00:00:00Z",
        run=Run("01890a5d-ac96-774b-bcce-b302099a8057", lineage.run_facets),
        job=Job("default", "cards-retrain.step", lineage.job_facets),
        inputs=lineage.inputs,
        outputs=lineage.outputs,
        producer="https://example.com",
    )
    return json.loads(Serde.to_json(event))


def origins(dataset: dict[str, Any], column: str) -> list[tuple[str, str, str | None]]:
    """Where a column comes from: dataset, column, and how."""
    fields = dataset["facets"]["columnLineage"]["fields"][column]["inputFields"]
    return [(each["name"], each["field"], each["transformations"][0].get("subtype")) for each in fields]


@pytest.fixture(scope="module")
def cards(tmp_path_factory) -> Path:
    """A project in a git repository, with a champion that has scored."""
    folder = build_project(tmp_path_factory.mktemp("lineage") / "my cards", workflow=ENGINEERED)
    remote = "https://ana:t0ken@git.example.com/risk/cards.git"
    for command in (["init", "-q"], ["add", "."], ["remote", "add", "origin", remote]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    author = ["-c", "user.name=ana", "-c", "user.email=ana@example.com"]
    subprocess.run(["git", *author, "commit", "-qm", "Begin"], cwd=folder, check=True)
    run_for(folder, *RETRAIN)
    run_for(folder, "predict", is_retrain=False)
    return folder


def test_a_column_of_the_source_can_be_followed_to_the_scores(cards):
    """Source, snapshot, candidate, model, scores: each is the output of one step and the input of the next."""
    extract, train, promote, predict = (told(cards, step) for step in ("extract", "train", "promote", "predict"))
    source, snapshot = str(cards / "data" / "payments.csv"), extract["outputs"][0]
    candidate, model, scores = train["outputs"][0], promote["outputs"][0], predict["outputs"][0]
    assert [each["name"] for each in extract["inputs"]] == [source]
    assert origins(snapshot, "amount") == [(source, "amount", "IDENTITY")]
    assert origins(candidate, "amount") == [(snapshot["name"], "amount", "TRANSFORMATION")]
    assert {column for _, column, _ in origins(candidate, "large")} == {"amount", "country"}
    assert [column for _, column, _ in origins(candidate, "score")] == ["amount", "country", "fraud"]
    assert origins(model, "score") == [(candidate["name"], "score", "IDENTITY")]
    assert [(each["namespace"], each["name"]) for each in predict["inputs"]] == [
        ("file", source),
        (model["namespace"], model["name"]),
    ]
    assert (source, "amount", "TRANSFORMATION") in origins(scores, "score")
    assert (model["name"], "score", "TRANSFORMATION") in origins(scores, "score")
    assert origins(scores, "payment_id") == [(source, "payment_id", "IDENTITY")]


def test_versions_rows_owner_and_code_are_told(cards):
    """And a token in the remote's address is not."""
    extract, promote, predict = (told(cards, step) for step in ("extract", "promote", "predict"))
    run = RunDirectory(find_run_directory(load_project(cards), "r1"))
    snapshot = run.published("extract").summary
    facets = extract["outputs"][0]["facets"]
    assert facets["version"]["datasetVersion"] == snapshot["content_hash"]
    assert extract["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == snapshot["rows"]
    assert facets["ownership"]["owners"][0]["name"] == "risk@example.com"
    assert [each["name"] for each in facets["schema"]["fields"]] == [
        *("amount", "country", "fraud", "created_at", "payment_id"),
    ]
    (place,) = facets["symlinks"]["identifiers"]
    assert Path(place["name"]).is_file()
    assert [each["field"] for each in facets["columnLineage"]["dataset"]] == ["created_at"]
    assert promote["outputs"][0]["facets"]["version"]["datasetVersion"] == "1"
    assert promote["run"]["facets"]["mlkit"]["modelVersion"] == "1"
    assert predict["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 600
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=cards, capture_output=True, text=True).stdout.strip()
    code = extract["job"]["facets"]["sourceCodeLocation"]
    assert code["version"] == commit
    assert code["url"] == f"https://git.example.com/risk/cards/tree/{commit}"
    assert "t0ken" not in json.dumps([extract, promote, predict])


def test_what_became_of_each_expectation_is_told_also_where_it_stopped_the_run(cards, tmp_path):
    """The data set is the snapshot; its columns are named."""
    passed = told(cards, "validate")["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert [(each["assertion"], each["column"], each["success"]) for each in passed] == [
        ("expect_column_values_to_not_be_null", "amount", True),
        ("expect_column_values_to_be_between", "amount", True),
    ]
    broken = build_project(tmp_path / "broken", rows=60)
    suite = broken / "expectations" / "payments.json"
    suite.write_text(suite.read_text().replace('"min_value": 0', '"min_value": 5000'))
    run_for(broken, "extract", "validate")
    event = told(broken, "validate", failed=True)
    found = event["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert [each["success"] for each in found] == [True, False]
    assert event["run"]["facets"]["mlkit"]["outcome"] == "failed"
    assert "5000" in event["run"]["facets"]["mlkit"]["reason"]


def test_a_step_that_was_held_back_killed_or_never_began_made_nothing(cards, tmp_path):
    """It still says what it would have read."""
    folder = build_project(tmp_path / "cards", rows=60)
    killed = told(folder, "extract", failed=True)
    assert [each["name"] for each in killed["inputs"]] == [str(folder / "data" / "payments.csv")]
    assert killed["outputs"] == []
    run_for(folder, "predict", is_retrain=False)
    skipped = told(folder, "predict")
    assert skipped["outputs"] == []
    assert skipped["run"]["facets"]["mlkit"]["outcome"] == "held_back"
    (folder / "data" / "payments.csv").unlink()
    run_for(folder, "extract")
    assert told(folder, "extract", failed=True)["outputs"] == []


def test_globs_buckets_and_names_with_markup_stay_names(tmp_path):
    """A glob is the folder that it looks into; nothing of a bucket's address but bucket and key is told."""
    from airflow_mlkit.airflow.lineage.names import name_place, name_source

    spec = default_spec()
    spec["data"]["source"] = {"path": "data/<b>it's</b>/*.csv"}
    project = load_project(build_project(tmp_path / "cards", rows=10, spec=spec))
    (dataset,) = name_source(project, project.spec.data.source).datasets
    assert (dataset.namespace, dataset.name) == ("file", str(tmp_path / "cards" / "data" / "<b>it's</b>"))
    assert name_place("s3://key:secret@risk/runs/cards").uri == "s3://risk/runs/cards"
    assert told(tmp_path / "cards", "extract", failed=True)["inputs"][0]["name"] == dataset.name


QUERY = """
-- payments with their customers
SELECT p.payment_id, p.amount, upper(c.country) AS country, p.created_at, p.fraud
FROM sales.payments p JOIN customers c ON c.id = p.customer
WHERE p.created_at < :as_of
"""


@pytest.mark.parametrize("query", [QUERY, "SELEC nothing", "select * from sales.payments where amount > 0"])
def test_the_tables_of_a_query_are_told_and_no_password(tmp_path, monkeypatch, query):
    """The connection's host, port and database only. A query that cannot be read is the database."""
    spec = default_spec()
    spec["data"]["source"] = {"sql": "payments.sql", "connection": "warehouse"}
    folder = build_project(tmp_path / "cards", rows=10, spec=spec)
    (folder / "payments.sql").write_text(query)
    uri = f"postgresql://ana:{quote(SECRET, safe='')}@db.example.com:6432/dwh?sslpassword=hush"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", uri)
    event = told(folder, "extract", failed=True)
    text = json.dumps(event)
    assert not [secret for secret in ("ana", SECRET, quote(SECRET, safe=""), "hush") if secret in text]
    found = {each["name"] for each in event["inputs"]}
    assert {each["namespace"] for each in event["inputs"]} == {"postgres://db.example.com:6432"}
    expected = {
        QUERY: {"dwh.sales.payments", "dwh.public.customers"},
        "SELEC nothing": {"dwh"},
    }
    assert found == expected.get(query, {"dwh.sales.payments"})


def test_the_columns_of_a_query_are_followed_to_their_tables(tmp_path, monkeypatch):
    """A renamed or computed column too; of one that cannot be followed nothing is claimed."""
    from airflow_mlkit.airflow.lineage.names import name_source

    spec = default_spec()
    spec["data"]["source"] = {"sql": "payments.sql", "connection": "warehouse"}
    folder = build_project(tmp_path / "cards", rows=10, spec=spec)
    (folder / "payments.sql").write_text(QUERY)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgresql://db.example.com/dwh")
    project = load_project(folder)
    names = name_source(project, project.spec.data.source)
    traced = {column: [(table.name, name) for table, name in names.origins(column)] for column in ("country", "what")}
    assert traced == {"country": [("dwh.public.customers", "country")], "what": []}
    (folder / "payments.sql").write_text("SELECT * FROM payments")
    copied = name_source(project, project.spec.data.source).origins("what")
    assert [(table.name, name) for table, name in copied] == [("dwh.public.payments", "what")]


def test_an_event_that_does_not_fit_is_found():
    """The check of this file's tests, checked."""
    from tests.openlineage import find_problems

    facet = {"_producer": "no address", "_schemaURL": "https://openlineage.io/x", "step": 3}
    event = {
        "eventType": "DONE",
        "eventTime": "yesterday",
        "producer": "https://example.com",
        "schemaURL": "https://openlineage.io/spec",
        "run": {"runId": "1", "facets": {"mlkit": facet}},
        "job": {"namespace": "default"},
        "inputs": [{"name": "x", "facet": {}}],
    }
    assert len(find_problems(event)) >= 8

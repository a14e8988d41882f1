"""What the Dags of a project look like."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from airflow_mlkit.exceptions import ProjectError, SpecError
from airflow_mlkit.project import load_project
from airflow_mlkit.rundir import StepRecord
from tests.projects import build_project, default_spec

pytestmark = pytest.mark.needs("airflow")

DAG_FILE = "from airflow_mlkit.airflow import pipeline_dags\n\nglobals().update(pipeline_dags(__file__))\n"
LAPTOP = {"backend": "local", "runs": "runs", "mlflow": "sqlite:///mlflow.db"}


def build(folder: Path, **changes: Any) -> dict[str, Any]:
    """The Dags of the small project with some parts of its spec replaced."""
    from airflow_mlkit.airflow import pipeline_dags

    build_project(folder, rows=10, spec={**default_spec(), **changes})
    return pipeline_dags(folder / "dags" / "cards.py")


def scheduled(schedule: dict[str, Any] | None) -> dict[str, Any]:
    return {**default_spec()["train"], **({"schedule": schedule} if schedule else {})}


def test_a_project_has_a_retrain_and_a_predict(tmp_path):
    """The tasks are the steps of the plan, in its order; validate and split stand side by side."""
    dags = build(tmp_path)
    retrain, predict = dags["cards-retrain"], dags["cards-predict"]
    after = {task.task_id: sorted(task.downstream_task_ids) for task in retrain.tasks}
    assert after == {
        "extract": ["split", "validate"],
        "validate": ["train"],
        "split": ["train"],
        "train": ["evaluate"],
        "evaluate": ["gate"],
        "gate": ["promote"],
        "promote": [],
    }
    assert [task.task_id for task in predict.tasks] == ["predict"]


def test_a_person_is_asked_between_gate_and_promote(tmp_path):
    """By name, for a time, with a no where nobody answers; scoring does not wait for it."""
    asked = {"approval": "person", "ask": ["ana@example.com", "ben"], "within": "3d"}
    dags = build(tmp_path, promote=asked)
    approve = dags["cards-retrain"].get_task("approve")
    assert (approve.upstream_task_ids, approve.downstream_task_ids) == ({"gate"}, {"promote"})
    assert [user["id"] for user in approve.assigned_users] == ["ana@example.com", "ben"]
    assert (approve.response_timeout, approve.defaults) == (timedelta(days=3), ["Reject"])
    assert [task.task_id for task in dags["cards-predict"].tasks] == ["predict"]


def test_the_question_shows_the_gate_report_as_text():
    """What a feature or a reason is called is no markup."""
    from airflow_mlkit.airflow.approval import describe_gate_report

    findings = [
        ["roc_auc at least 0.8", True, "roc_auc 0.9 | <script>"],
        ["holdout [rows](http://x)", False, "two\nlines"],
    ]
    record = StepRecord.model_construct(reason="It *is* better.", summary={"findings": findings})
    text = describe_gate_report(record, "https://airflow/mlkit/reports/d/r%29/gate", "/runs/gate_report.html")
    assert r"| roc\_auc at least 0.8 | yes | roc\_auc 0.9 \| \<script\> |" in text
    assert r"| holdout \[rows\](http://x) | no | two lines |" in text
    assert text.splitlines()[0] == r"It \*is\* better."
    assert text.splitlines()[-1].startswith("[The whole report](https://airflow/mlkit/reports/d/r%29/gate), ")


def test_a_dag_says_whose_it_is_and_catches_nothing_up(tmp_path):
    """Owner, tags and description come from the spec; one run at a time."""
    dag = build(tmp_path, description="Finds fraud")["cards-retrain"]
    assert (dag.owner, dag.description, dag.max_active_runs, dag.catchup) == (
        "risk@example.com",
        "Finds fraud",
        1,
        False,
    )
    assert {"mlkit", "batch", "cards"} == set(dag.tags)


def test_promote_updates_the_asset_of_the_model(tmp_path):
    """Another Dag can follow it by name or by URI; no other task has an outlet."""
    dag = build(tmp_path)["cards-retrain"]
    outlets = {task.task_id: [(o.name, o.uri) for o in task.outlets] for task in dag.tasks if task.outlets}
    assert outlets == {"promote": [("models/cards", "x-mlkit://models/cards")]}


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (None, "NullTimetable"),
        ({"cron": "@weekly"}, "CronTriggerTimetable"),
        ({"assets": ["warehouse/payments"]}, "AssetTriggeredTimetable"),
        ({"cron": "0 6 * * 1", "assets": ["x-mlkit://models/other"]}, "AssetOrTimeSchedule"),
    ],
)
def test_a_dag_starts_by_the_clock_by_assets_by_either_or_by_hand(tmp_path, schedule, expected):
    """Each of the four is the timetable that Airflow's users know."""
    dag = build(tmp_path, train=scheduled(schedule))["cards-retrain"]
    assert type(dag.timetable).__name__ == expected


def test_unpausing_starts_no_run_for_a_moment_that_has_passed(tmp_path):
    """A Dag without a start date waits for the next moment of its expression."""
    from airflow.timetables.base import TimeRestriction

    dag = build(tmp_path, train=scheduled({"cron": "@weekly"}))["cards-retrain"]
    limits = TimeRestriction(earliest=dag.start_date, latest=None, catchup=dag.catchup)
    first = dag.timetable.next_dagrun_info(last_automated_data_interval=None, restriction=limits)
    assert first.run_after > datetime.now(UTC)


def test_the_documentation_tab_shows_the_readme_and_the_spec(tmp_path):
    """Whatever the README holds: braces and backticks are text."""
    (tmp_path / "README.md").write_text("# Cards\n\n{{ ds }} and ```` fences\n")
    dag = build(tmp_path, description="with ``` in it")["cards-retrain"]
    assert dag.doc_md.startswith("# Cards\n\n{{ ds }}")
    assert "\n````yaml\napiVersion: mlkit/v1\n" in dag.doc_md
    assert dag.doc_md.endswith("\n````\n")


def test_the_documentation_tab_says_that_the_image_is_older_than_the_project(tmp_path):
    """It is said before a run; the runs go on with the image that was committed."""
    from airflow_mlkit.airflow.documentation import dag_documentation
    from airflow_mlkit.image.contents import hash_contents
    from airflow_mlkit.image.record import BuiltImage, ImageRecord

    folder = build_project(tmp_path, rows=10)
    place = "{backend: kubernetes, namespace: ml, runs: 's3://runs', mlflow: 'https://mlflow.example.com'}"
    (folder / "platform.yaml").write_text(f"environments: {{prod: {place}}}\n")
    project = load_project(folder, environment="prod")
    image = BuiltImage(
        tag="localhost/cards:1", built="2026-11-22T00:00:00Z", code_hash="0" * 64, files=hash_contents(project)
    )
    (folder / "image.json").write_bytes(ImageRecord(project="cards", images={"cpu": image}).to_bytes())
    assert "older than the project" not in dag_documentation(project)

    (folder / "cards" / "workflow.py").write_text("# changed")
    changed = load_project(folder, environment="prod")
    assert "The cpu image is older than the project: cards/workflow.py is not" in dag_documentation(changed)
    assert "older than the project" not in dag_documentation(load_project(folder)), "no image is used on a laptop"
    (folder / "image.json").write_text("{")
    assert "image.json is no JSON" in dag_documentation(load_project(folder, environment="prod"))


def test_only_the_dag_that_a_task_belongs_to_is_built(tmp_path, monkeypatch):
    """A task's process parses the file again, for one Dag."""
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "cards-predict")
    assert list(build(tmp_path)) == ["cards-predict"]


GKE = {"project": "ml", "location": "europe-west1", "cluster": "ml"}


@pytest.mark.parametrize(("backend", "own", "kind"), [("kubernetes", {}, "PodStep"), ("gke", GKE, "GkeStep")])
def test_where_steps_are_pods_each_task_starts_one(tmp_path, monkeypatch, backend, own, kind):
    """The same project, unchanged; parsing asks no cluster, and needs no credentials for one."""
    place = {
        "backend": backend,
        "namespace": "ml",
        "runs": "s3://ml/runs",
        "mlflow": "https://mlflow.example.com",
        **own,
    }
    with (tmp_path / "platform.yaml").open("w") as file:
        YAML().dump({"environments": {"laptop": LAPTOP, "prod": place}}, file)
    monkeypatch.setenv("AIRFLOW__MLKIT__ENVIRONMENT", "prod")
    tasks = build(tmp_path)["cards-retrain"].task_dict
    assert {name: type(task).__name__ for name, task in tasks.items() if name in ("train", "gate")} == {
        "train": f"{kind}Operator",
        "gate": f"Reporting{kind}Operator",
    }
    assert (tasks["gate"].runs, tasks["train"].namespace) == ("s3://ml/runs/cards", "ml")


def test_a_mistake_in_the_spec_names_file_line_and_key(tmp_path):
    """The import error is the loader's own sentence."""
    with pytest.raises(SpecError, match=r"mlkit\.yaml:\d+ train\.sise: unknown key; did you mean size\?"):
        build(tmp_path, train={**default_spec()["train"], "sise": "gpu"})


def test_a_dag_file_outside_any_project_is_refused(tmp_path):
    """It says where it looked."""
    from airflow_mlkit.airflow import pipeline_dags

    with pytest.raises(ProjectError, match=r"no mlkit\.yaml beside or above"):
        pipeline_dags(tmp_path / "dag.py")


HOSTILE = ["with space", "quote'\"", "unicode-é✓", "{{ ds }}", "; rm -rf", "$(id)"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_project_in_a_folder_of_any_name_is_served(tmp_path, name):
    """A folder's name is never read as a template, a path or a command."""
    assert list(build(tmp_path / name)) == ["cards-retrain", "cards-predict"]


def test_the_dag_file_passes_airflows_look_for_dag_files(tmp_path):
    """Safe mode reads a file's text for two words before it imports it."""
    from airflow.utils.file import might_contain_dag

    file = tmp_path / "cards.py"
    file.write_text(DAG_FILE)
    assert might_contain_dag(str(file), safe_mode=True)


PARSE = """
import json, sys, time

started = time.process_time()
from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk import DAG, Asset, BaseOperator, Connection, Param
import airflow.configuration, airflow.timetables.assets, airflow.timetables.trigger

begun = time.process_time()
from airflow_mlkit.airflow import pipeline_dags
imported = time.process_time()
pipeline_dags(sys.argv[1])  # the first Dag of a process makes Airflow import what every Dag needs
warm = time.process_time()
dags = pipeline_dags(sys.argv[1])
kit, airflow = imported - begun + time.process_time() - warm, begun - started
names = ("pandas", "pyarrow", "numpy", "mlflow", "xgboost", "sklearn", "openlineage")
heavy = [name for name in names if name in sys.modules]
print(json.dumps({"dags": list(dags), "kit": kit, "airflow": airflow, "heavy": heavy}))
"""


def test_parsing_a_dag_file_is_cheap(tmp_path):
    """50 ms beyond importing Airflow on a quiet machine, the kit's own import included: a fifteenth of that import.

    Processor time of both goes up together on a busy machine, so their ratio is what is held: a sixth.
    """
    build_project(tmp_path, rows=10)
    runs = [
        subprocess.run([sys.executable, "-c", PARSE, str(tmp_path)], capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    found = [json.loads(run.stdout.splitlines()[-1]) for run in runs]
    assert found[0]["dags"] == ["cards-retrain", "cards-predict"]
    assert found[0]["heavy"] == []
    assert min(run["kit"] / run["airflow"] for run in found) < 1 / 6


def test_importing_the_room_imports_no_airflow():
    """The provider manager and `mlkit` read from it without paying for the SDK."""
    room = "airflow_mlkit.airflow"
    code = f"import sys, {room}.provider_info, {room}.standalone; print('airflow' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.strip() == "False"
    assert importlib.util.find_spec("airflow") is not None

"""A project's Dags, run by Airflow: what a step's end becomes, and what a step is given."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from airflow_mlkit.rundir import RunDirectory
from tests.integration.airflow.played import play, prepare
from tests.projects import default_spec

pytestmark = [pytest.mark.needs("airflow"), pytest.mark.usefixtures("airflow_database")]

NEVER = "upstream_failed"
RETRAIN = ("extract", "validate", "split", "train", "evaluate", "gate", "promote")


def test_every_step_runs_in_the_plans_order_and_publishes(tmp_path):
    """A later one has the higher weight, so that where slots are few a retrain ends before the next one begins.

    The first one has no less than by default, where it is how many follow.
    """
    played = play(tmp_path)
    assert played.state == "success"
    weights = [played.instances[name].priority_weight for name in RETRAIN]
    assert weights == [*range(len(RETRAIN), 2 * len(RETRAIN))]
    assert set(played.states.values()) == {"success"}
    assert all(played.run_directory.published(name) for name in played.states)


def test_being_held_back_is_a_successful_run_with_a_skipped_task(tmp_path):
    """Nothing is promoted, and nothing is announced."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    with create_session() as session:
        before = session.scalar(select(func.count()).select_from(AssetEvent))
        played = play(tmp_path, {"promote": {"held_back": True, "reason": "NOT SHIPPED: no better than the champion"}})
        after = session.scalar(select(func.count()).select_from(AssetEvent))
    assert (played.state, played.states["promote"], after) == ("success", "skipped", before)


@pytest.mark.parametrize(
    ("error", "tries"), [("data", 1), ("user", 1), ("other", 2)], ids=["the data", "a user's mistake", "anything else"]
)
def test_a_failure_is_tried_again_only_where_that_may_help(tmp_path, error, tries):
    """The run fails, later tasks never start, and retries share one generation."""
    played = play(tmp_path, {"validate": {"error": error, "reason": "3 of 600 rows have no amount"}})
    records = played.run_directory.step("validate").tries()
    assert (played.state, played.states["validate"], played.states["train"]) == ("failed", "failed", NEVER)
    assert [(record.generation, record.try_number) for record in records] == [(1, n + 1) for n in range(tries)]


def test_a_killed_step_is_tried_again_in_the_same_generation(tmp_path):
    """Killed where it cannot say anything: the second try publishes."""
    played = play(tmp_path, {"split": {"kill": "once"}})
    assert (played.state, played.states["split"]) == ("success", "success")
    published = played.run_directory.published("split").record
    assert (published.generation, published.try_number) == (1, 2)


def test_a_retry_that_dies_before_it_begins_has_a_reason_of_its_own(tmp_path, capfd):
    """Not the reason of the try before, though both end with the same exit code."""
    play(tmp_path, {"validate": {"error": "other", "reason": "the warehouse is away", "starts": 1}})
    first, second = re.findall(r"AirflowException: (.*(?:\n.*)?)", "".join(capfd.readouterr()))
    assert first.startswith("the warehouse is away")
    assert second == "The step validate ended with exit code 1.\nthe disk is full"


def test_what_opens_the_runs_is_missed_before_the_step_starts(tmp_path, monkeypatch, capfd):
    """A step that has promoted must not fail afterwards, and be run again."""
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    tmp_path.joinpath("platform.yaml").write_text(
        "environments:\n  laptop: {backend: local, runs: 'gs://ml-runs', mlflow: .mlkit/mlflow}\n"
    )
    played = play(tmp_path)
    assert (played.state, played.instances["extract"].try_number) == ("failed", 1)
    assert not (tmp_path / "starts-extract").exists()
    assert "pip install 'airflow-mlkit[gcs]'" in "".join(capfd.readouterr())


def test_the_reason_is_in_the_last_line_of_the_tasks_log(tmp_path, capfd):
    """On-call reads why without opening anything else."""
    play(tmp_path, {"validate": {"error": "data", "reason": "3 of 600 rows have no amount"}})
    written = "".join(capfd.readouterr())
    assert "hello from validate" in written
    assert "3 of 600 rows have no amount" in written.partition("AirflowFailException")[2][:200]
    # once as the step said it; from 3.2 on once more behind the frames that Airflow prints of the exception
    said = 1 if version("apache-airflow").startswith("3.1.") else 2
    assert len(re.findall(r"error\W[^\n]*3 of 600 rows have no amount", written)) >= said


def test_a_run_knows_its_moment_its_parameters_and_who_asked(tmp_path):
    """The moment is the logical date; parameters are only what differs from mlkit.yaml."""
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    played = play(tmp_path, logical_date=moment, run_conf={"max_depth": 5, "training_end": "2026-02-01"})
    record = played.run_directory.record
    assert record.as_of == moment
    assert record.run_id == played.dag_run.run_id
    assert record.parameters.params == {"max_depth": 5}
    assert str(record.parameters.training_end) == "2026-02-01"
    assert record.triggered_by


def test_an_unknown_parameter_stops_the_run_before_anything_is_done(tmp_path):
    """A conf over the REST API can hold anything; a typo would be without effect."""
    played = play(tmp_path, run_conf={"max_dept": 5})
    assert (played.state, played.states["extract"]) == ("failed", "failed")
    assert not (tmp_path / ".mlkit" / "runs").exists()


def test_a_step_sees_no_secret_of_airflow(tmp_path, monkeypatch):
    """Only the connection that its source names, and only the step that reads the source."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgresql://reader:secret@db/warehouse")
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", "postgresql://admin:secret@db/other")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "")
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "payments.sql").write_text("select 1")
    data = {**default_spec()["data"], "source": {"sql": "queries/payments.sql", "connection": "warehouse"}}
    played = play(tmp_path, changes={"data": data})

    def airflow_variables(step: str) -> dict[str, str]:
        seen = json.loads(played.run_directory.published(step).file("environment.json").read_text())
        return {name: value for name, value in seen.items() if "AIRFLOW" in name and "TEST" not in name}

    extract = airflow_variables("extract")
    assert list(extract) == ["AIRFLOW_CONN_WAREHOUSE"]
    assert "reader:secret@db" in extract["AIRFLOW_CONN_WAREHOUSE"]
    assert airflow_variables("validate") == {}


def test_a_connection_that_airflow_does_not_have_is_named(tmp_path, capfd):
    """Before the step starts, with where to add it."""
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "payments.sql").write_text("select 1")
    data = {**default_spec()["data"], "source": {"sql": "queries/payments.sql", "connection": "nowhere"}}
    played = play(tmp_path, changes={"data": data})
    assert (played.state, played.instances["extract"].try_number) == ("failed", 1)
    assert "Airflow has none of that name" in "".join(capfd.readouterr())


def test_predict_without_a_champion_is_skipped(tmp_path):
    """A Dag of one step; its run directory is not the retrain's of the same moment."""
    played = play(tmp_path, {"predict": {"held_back": True, "reason": "no champion yet"}}, dag_id="cards-predict")
    assert (played.state, played.states) == ("success", {"predict": "skipped"})
    assert played.run_directory.root.name.startswith("predict")
    assert played.run_directory.record.dag == "predict"


def test_killing_a_task_ends_the_step_and_what_it_started(tmp_path):
    """SIGTERM goes to the whole group; nothing is published."""
    from airflow_mlkit.airflow.process_group import ProcessGroup

    prepare(tmp_path, {"extract": {"sleep": 60}})
    options = [f"--run-dir={tmp_path / 'run'}", f"--project={tmp_path}"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    process = ProcessGroup(
        [str(tmp_path / "python"), "-m", "airflow_mlkit", "step", "extract", *options], cwd=tmp_path, env=environment
    )
    reader = threading.Thread(target=lambda: list(process.lines()))
    reader.start()
    pids = _wait_for_pids(tmp_path / "pids.json")
    process.stop(grace=10)
    reader.join(10)
    assert process.wait() == 143
    assert not [pid for pid in pids if _runs(pid)]
    assert RunDirectory(tmp_path / "run").step("extract").published() is None


def _wait_for_pids(file: Path) -> list[int]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if file.exists() and (text := file.read_text()):
            return json.loads(text)
        time.sleep(0.05)
    raise AssertionError("the step has not started")


def _runs(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] == "Z":
                return False
        except FileNotFoundError:
            return False
        time.sleep(0.05)
    return True

"""A real Airflow: scheduler, Dag processor, API and triggerer, on a folder of projects with good and broken ones."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from airflow_mlkit.airflow.standalone import LocalAirflow
from airflow_mlkit.project import load_project
from airflow_mlkit.registry import ChampionLog
from airflow_mlkit.rundir import RunDirectory, safe_run_id
from tests.airflow_reports import open_report, report_link
from tests.mailbox import Mailbox, links_of, mail_server
from tests.projects import build_project, default_spec

pytestmark = [pytest.mark.needs("airflow"), pytest.mark.timeout(600)]

REPOSITORY = Path(__file__).parents[2]
RETRAIN = "card-payments-retrain"
HOSTILE = "it's {{ ds }}; rm -rf é"
BUNDLES = "airflow.dag_processing.bundles"
PLATFORM = """
notify:
  - via: smtp
    owners: {risk-ml: leads@example.com}
    fallback: platform@example.com
    environments: [laptop]
"""


@pytest.fixture(scope="module")
def projects(tmp_path_factory) -> Path:
    """Two good projects, one that asks a person, a broken one, and two that share a name."""
    folder = tmp_path_factory.mktemp("projects")
    build_project(folder / "payments", spec={**default_spec(), "name": "card-payments"})
    build_project(folder / HOSTILE, rows=10, spec={**default_spec(), "name": "hostile"})
    build_project(folder / "broken", rows=10)
    spec = folder / "broken" / "mlkit.yaml"
    spec.write_text(spec.read_text().replace("label: fraud", "lable: fraud"))
    asked = {"approval": "person", "ask": ["ana"], "within": "1h"}
    build_project(
        folder / "asked", rows=1200, spec={**default_spec(), "name": "asked", "owner": "risk-ml", "promote": asked}
    )
    for name in ("payments", "asked"):
        (folder / name / "platform.yaml").write_text(PLATFORM)
    for twin in ("left", "right"):
        build_project(folder / twin, rows=10, spec={**default_spec(), "name": "twin"})
    (folder / "no-project").mkdir()
    return folder


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    """What is mailed."""
    with mail_server() as running:
        yield running


@pytest.fixture(scope="module")
def airflow(projects, mailbox, tmp_path_factory) -> Iterator[LocalAirflow]:
    """Airflow with the projects as one bundle, and the example that follows a promotion as another."""
    home = tmp_path_factory.mktemp("airflow")
    dags = home / "dags"
    dags.mkdir()
    shutil.copy(REPOSITORY / "dags" / "after_promotion.py", dags)
    bundles = [
        {
            "name": "projects",
            "classpath": "airflow_mlkit.airflow.bundle.ProjectsDagBundle",
            "kwargs": {"folder": str(projects)},
        },
        {"name": "examples", "classpath": f"{BUNDLES}.local.LocalDagBundle", "kwargs": {"path": str(dags)}},
    ]
    settings = {
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(home / "bundles"),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
            {"type": "file", "log_file_path": str(home / "lineage.jsonl"), "append": True}
        ),
        "AIRFLOW_CONN_SMTP_DEFAULT": mailbox.connection,
    }
    with LocalAirflow(home, dags, extra_env=settings, people=["ana"]) as local:
        local.wait_healthy()
        local.wait_for_dag(RETRAIN)
        local.wait_for_dag("after_promotion")
        yield local
    assert not left_in(home)


def left_in(folder: Path) -> list[str]:
    """The processes that still know a folder from their environment."""
    left = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes():
                left.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
    return left


def run(airflow: LocalAirflow, dag_id: str = RETRAIN, **options: Any) -> tuple[str, str, dict[str, str]]:
    """Run a Dag to its end. Returns the run's id, its state, and the states of its tasks."""
    run_id = airflow.trigger(dag_id, **options)
    state = airflow.wait(dag_id, run_id)
    instances = airflow.task_instances(dag_id, run_id)
    return run_id, state, {name: instance["state"] for name, instance in instances.items()}


def run_directory(projects: Path, run_id: str) -> RunDirectory:
    """Where the steps of a retrain met."""
    return RunDirectory(f"{load_project(projects / 'payments').runs}/{safe_run_id(run_id)}")


def followers(airflow: LocalAirflow) -> list[dict[str, Any]]:
    """The runs of the Dag that follows the model."""
    return airflow.request("GET", "/api/v2/dags/after_promotion/dagRuns")["dag_runs"]


def test_a_broken_project_keeps_its_error_to_itself(airflow, projects):
    """One import error for each, by its own name, with file and line; the others' Dags are there."""
    time.sleep(12)  # a refresh of the bundle neither loses the errors nor the Dags
    errors = {error["filename"]: error["stack_trace"] for error in airflow.import_errors()}
    assert sorted(errors) == ["broken.py", "left.py", "right.py"]
    assert f"{projects / 'broken' / 'mlkit.yaml'}:" in errors["broken.py"]
    assert "unknown key; did you mean label?" in errors["broken.py"]
    assert f"{projects / 'right' / 'mlkit.yaml'} too" in errors["left.py"]
    assert f"{projects / 'left' / 'mlkit.yaml'} too" in errors["right.py"]
    expected = {f"{name}-{kind}" for name in ("card-payments", "hostile", "asked") for kind in ("retrain", "predict")}
    assert set(airflow.dags()) == {*expected, "after_promotion"}


def test_a_mended_project_loses_its_error(airflow, projects):
    """Without anybody restarting anything."""
    spec = projects / "broken" / "mlkit.yaml"
    spec.write_text(spec.read_text().replace("lable: fraud", "label: fraud"))
    airflow.wait_for_dag("cards-retrain")
    assert "broken.py" not in {error["filename"] for error in airflow.import_errors()}


def test_predict_is_skipped_as_long_as_there_is_no_champion(airflow):
    """A successful run with a skipped task."""
    _, state, states = run(airflow, "card-payments-predict")
    assert (state, states) == ("success", {"predict": "skipped"})


def wait_for_question(airflow: LocalAirflow, run_id: str) -> dict[str, Any]:
    """What a run asks a person, as soon as it does."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        path = f"/api/v2/dags/asked-retrain/dagRuns/{run_id}/hitlDetails?response_received=false"
        pending = airflow.request("GET", path)["hitl_details"]
        if pending:
            # nobody reads that fast: an answer in the very second in which the task begins to wait meets the end of its
            # first process in the scheduler, and is asked for again (seen in Airflow 3.3.2)
            time.sleep(2)
            return pending[0]
        time.sleep(0.3)
    raise AssertionError(f"nobody was asked: {airflow.task_instances('asked-retrain', run_id)}")


def answer(airflow: LocalAirflow, run_id: str, who: str, option: str, why: str) -> int:
    """Answer as somebody. Returns the status of Airflow's response."""
    login = httpx.post(f"{airflow.url}/auth/token", json={"username": who, "password": airflow.password}, timeout=30)
    path = f"/api/v2/dags/asked-retrain/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
    given = {"chosen_options": [option], "params_input": {"why": why}}
    bearer = {"Authorization": f"Bearer {login.json()['access_token']}"}
    return httpx.patch(f"{airflow.url}{path}", json=given, headers=bearer, timeout=30).status_code


def test_a_person_who_was_asked_has_the_last_word(airflow, projects, mailbox):
    """Nobody else may answer; scoring does not wait; who, when and why are in the champion log."""
    run_id = airflow.trigger("asked-retrain")
    question = wait_for_question(airflow, run_id)
    assert "May the new model of asked replace the champion?" in question["subject"]
    assert "roc\\_auc at least 0.6" in question["body"]
    page = re.search(r"\[The whole report\]\((.*)\), `(.*)`", question["body"])
    assert page
    assert Path(page[2]).is_file()
    assert "may be promoted" in open_report(airflow, page[1])
    links = links_of(mailbox.wait_for("leads@example.com", "asked: waiting for a yes until "))
    assert links["Report"] == page[1]
    assert links["Answer"].startswith(f"{airflow.url}/dags/asked-retrain/runs/")
    assert report_link(airflow, "asked-retrain", run_id, "approve") == page[1]
    assert run(airflow, "asked-predict")[1:] == ("success", {"predict": "skipped"})
    assert answer(airflow, run_id, "admin", "Approve", "I am the boss") == 403
    assert answer(airflow, run_id, "ana", "Approve", "tried it on last week") == 200
    assert airflow.wait("asked-retrain", run_id) == "success"
    head = ChampionLog(load_project(projects / "asked").champions).head()
    assert head is not None
    assert (head.promoted_by, head.approval.answer, head.approval.why) == ("ana", "yes", "tried it on last week")


def test_nobody_is_asked_about_a_challenger_that_the_gates_hold_back(airflow, projects):
    """The same model again: approve has nothing to ask, and promote is skipped with the gates' reason."""
    _, state, states = run(airflow, "asked-retrain")
    assert (state, states["approve"], states["promote"]) == ("success", "success", "skipped")


def test_a_no_keeps_the_champion_and_is_written_down(airflow, projects):
    """A challenger that the gates let pass, in a log without entries."""
    project = load_project(projects / "asked")
    spec = projects / "asked" / "mlkit.yaml"
    changed = spec.read_text().replace("  against: champion", "  at_least: 0.5").replace("max_depth: 3", "max_depth: 2")
    spec.write_text(changed)
    airflow.wait_for_dag("asked-retrain")
    run_id = airflow.trigger("asked-retrain")
    wait_for_question(airflow, run_id)
    assert answer(airflow, run_id, "ana", "Reject", "too many\nfalse alarms") == 200
    assert airflow.wait("asked-retrain", run_id) == "success"
    promotion = RunDirectory(f"{project.runs}/{safe_run_id(run_id)}").published("promote")
    assert "ana said no: too many" in (promotion.record.reason or "")
    head = ChampionLog(project.champions).head()
    assert head is not None
    assert head.n == 1


def test_a_first_retrain_ships_and_is_followed_once(airflow, projects):
    """The event names the version that was promoted; then the champion scores."""
    run_id, state, states = run(airflow)
    assert (state, set(states.values())) == ("success", {"success"})
    promotion = run_directory(projects, run_id).published("promote").summary
    deadline = time.monotonic() + 30
    while not followers(airflow) and time.monotonic() < deadline:
        time.sleep(0.3)
    (follower,) = followers(airflow)
    assert airflow.wait("after_promotion", follower["dag_run_id"]) == "success"
    events = airflow.request("GET", "/api/v2/assets/events")["asset_events"]
    (event,) = (event for event in events if event["source_dag_id"] == RETRAIN)
    assert event["extra"]["model_id"] == promotion["model_id"]
    assert str(event["extra"]["model_version"]) == str(promotion["model_version"])
    assert run(airflow, "card-payments-predict")[2] == {"predict": "success"}


def wait_for_events(airflow: LocalAirflow, *jobs: str) -> list[dict[str, Any]]:
    """What OpenLineage was told, as soon as it has the ends of some jobs: a task's is told after the task."""
    file, deadline = airflow.home / "lineage.jsonl", time.monotonic() + 60
    while time.monotonic() < deadline:
        whole = file.read_text().rpartition("\n")[0] if file.exists() else ""  # the last line may be half written
        events = [json.loads(line) for line in whole.splitlines()]
        if set(jobs) <= {event["job"]["name"] for event in events if event["eventType"] == "COMPLETE"}:
            return events
        time.sleep(0.3)
    raise AssertionError(f"nothing of {jobs} in {file}")


@pytest.mark.needs("openlineage")
def test_a_lineage_server_is_told_what_each_step_read_and_wrote(airflow, projects):
    """Every event fits OpenLineage's schema, and those of the steps lead from the source to the scores."""
    from tests.openlineage import find_problems

    if not ChampionLog(load_project(projects / "payments").champions).head():
        run(airflow)
        run(airflow, "card-payments-predict")
    wanted = [f"{RETRAIN}.{step}" for step in ("extract", "validate", "train", "promote")]
    events = wait_for_events(airflow, *wanted, RETRAIN, "card-payments-predict.predict")
    assert [problem for event in events for problem in find_problems(event)] == []
    written = {
        (event["job"]["name"], dataset["name"]): dataset
        for event in events
        for dataset in event.get("outputs", ())
        if event["eventType"] == "COMPLETE"
    }
    reached = {str(projects / "payments" / "data" / "payments.csv")}
    for job in (*wanted, "card-payments-predict.predict"):
        for (name, output), dataset in written.items():
            fields = dataset["facets"].get("columnLineage", {}).get("fields", {})
            sources = {origin["name"] for field in fields.values() for origin in field["inputFields"]}
            reached |= {output} if name == job and sources & reached else set()
    assert {Path(name).name for name in reached} == {"payments.csv", "snapshot", "candidate", "card-payments", "scores"}


def test_a_retrain_that_is_no_better_is_held_back_and_followed_by_nobody(airflow, mailbox):
    """The same data again is a tie: a successful run, promote skipped, no event. Its owner is mailed why."""
    before = len(followers(airflow))
    run_id, state, states = run(airflow)
    assert (state, states["gate"], states["promote"]) == ("success", "success", "skipped")
    time.sleep(2)
    assert len(followers(airflow)) == before
    mail = mailbox.wait_for("risk@example.com", "card-payments: held back, ")
    assert f"mlkit promote --run {safe_run_id(run_id)}" in mail.get_body().get_content()
    assert links_of(mail)["Report"] == report_link(airflow, RETRAIN, run_id, "promote")
    assert "held back" in open_report(airflow, links_of(mail)["Report"])


def test_a_failure_is_mailed_with_its_reason(airflow, mailbox):
    """Of a run that cannot begin there is no report yet, and the run itself can be opened."""
    run_id, state, _ = run(airflow, conf={"max_dept": 5})
    assert state == "failed"
    mail = mailbox.wait_for("risk@example.com", "card-payments: extract failed, the run's conf: unknown key 'max_dept'")
    assert links_of(mail) == {"Dag run": f"{airflow.url}/dags/{RETRAIN}/runs/{quote(run_id, safe='')}"}


@pytest.mark.needs("chromium")
def test_a_link_opens_the_report_after_the_login(airflow, mailbox, tmp_path):
    """Whoever follows it from a mail is asked who he is, and comes back to the page. Nothing in it may run."""
    from playwright.sync_api import sync_playwright

    links = links_of(mailbox.wait_for("risk@example.com", "card-payments: held back, "))
    address, dag_run = links["Report"], links["Dag run"]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(address)
        page.fill("input[name=username]", airflow.user)
        page.fill("input[name=password]", airflow.password)
        page.keyboard.press("Enter")
        page.wait_for_url(address)
        assert page.locator("h1").inner_text() == "card-payments: held back"
        page.screenshot(path=os.environ.get("MLKIT_SCREENSHOT", tmp_path / "report.png"), full_page=True)
        page.goto(f"{dag_run}/tasks/promote/details")
        assert page.get_by_role("link", name="Report").get_attribute("href") == address
        browser.close()


def test_an_older_run_never_replaces_a_newer_champion(airflow, projects):
    """A backfill of a date before the champion's: held back, however good it is."""
    run_id, state, states = run(airflow, logical_date=datetime(2026, 3, 1, tzinfo=UTC), conf={"max_depth": 5})
    assert (state, states["promote"]) == ("success", "skipped")
    found = run_directory(projects, run_id)
    assert found.record.as_of == datetime(2026, 3, 1, tzinfo=UTC)
    assert "2026-03-01" in (found.published("promote").record.reason or "")


def test_clearing_a_task_begins_its_next_generation(airflow, projects):
    """What comes after it reads what it published the second time."""
    run_id, _, _ = run(airflow)
    body = {
        "dry_run": False,
        "dag_run_id": run_id,
        "task_ids": ["train"],
        "include_downstream": True,
        "only_failed": False,
        "reset_dag_runs": True,
    }
    airflow.request("POST", f"/api/v2/dags/{RETRAIN}/clearTaskInstances", json=body)
    time.sleep(0.5)
    assert airflow.wait(RETRAIN, run_id) == "success"
    found = run_directory(projects, run_id)
    assert {step: found.step(step).generations() for step in ("split", "train", "evaluate")} == {
        "split": [1],
        "train": [1, 2],
        "evaluate": [1, 2],
    }
    assert found.published("evaluate").record.inputs["train"] == found.published("train").hash


def test_marking_a_running_task_failed_ends_its_step(airflow, projects):
    """And whatever the step has started."""
    folder = build_project(
        projects / "slow", rows=10, spec={**default_spec(), "name": "slow", "steps": {"python": "py"}}
    )
    stand_in = REPOSITORY / "tests" / "integration" / "airflow" / "stand_in.py"
    (folder / "py").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{stand_in}" "$@"\n')
    (folder / "py").chmod(0o755)
    (folder / "behaviour.json").write_text(json.dumps({"extract": {"sleep": 300}}))
    airflow.wait_for_dag("slow-retrain")
    run_id = airflow.trigger("slow-retrain")
    pids = wait_for_pids(folder / "pids.json")
    path = f"/api/v2/dags/slow-retrain/dagRuns/{run_id.replace('+', '%2B')}/taskInstances/extract"
    airflow.request("PATCH", path, json={"new_state": "failed"})
    deadline = time.monotonic() + 60
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not any(map(is_alive, pids))


def wait_for_pids(file: Path) -> list[int]:
    deadline = time.monotonic() + 60
    while not (file.exists() and file.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return json.loads(file.read_text())


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"

"""`mlkit run` from the outside: the command, its exit code, its JSON, and what is left when it is stopped or killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.projects import WORKFLOW, build_project, default_spec, write_payments

MLKIT = [sys.executable, "-m", "airflow_mlkit"]


def mlkit(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MLKIT, *words], cwd=cwd, capture_output=True, text=True, timeout=200)


def run_json(cwd: Path, *words: str) -> dict[str, Any]:
    return json.loads(mlkit("run", "--json", *words, cwd=cwd).stdout)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose first model was shipped. Tests work on copies of it."""
    folder = build_project(tmp_path_factory.mktemp("shipped") / "cards")
    result = run_json(folder)
    assert result["state"] == "SHIPPED", result["reason"]
    return folder


@pytest.fixture
def project(shipped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped, tmp_path / "cards"))


def test_the_first_model_is_shipped_and_the_same_again_is_held_back(project: Path) -> None:
    ended = mlkit("run", "--json", cwd=project)
    result = json.loads(ended.stdout)
    assert ended.returncode == 0
    assert result["state"] == "NOT_SHIPPED"
    assert "same model" in result["reason"]
    expected = {"state", "reason", "model_name", "model_version", "model_id", "metrics", "gates", "steps", "run_dir"}
    assert expected <= set(result)
    assert [step["name"] for step in result["steps"]][-1] == "promote"


def test_the_same_rows_give_the_same_model_in_another_folder(shipped: Path, tmp_path: Path) -> None:
    (entry,) = (shipped / ".mlkit" / "champions" / "cards").glob("*.json")
    again = run_json(build_project(tmp_path / "elsewhere"))
    assert again["model_id"] == json.loads(entry.read_text())["model_id"]


def test_broken_data_fails_with_the_expectation_and_leaves_the_champion(project: Path) -> None:
    write_payments(project / "data" / "payments.csv", 600, amount_sign=-1)
    before = sorted((project / ".mlkit" / "champions").rglob("*.json"))
    ended = mlkit("run", cwd=project)
    assert ended.returncode == 1
    assert "FAILED" in ended.stdout
    assert "expect_column_values_to_be_between" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    assert sorted((project / ".mlkit" / "champions").rglob("*.json")) == before


def test_a_workflow_that_raises_is_the_users_mistake_and_names_the_line(project: Path) -> None:
    broken = WORKFLOW.replace("model = XGB", "raise RuntimeError('no such column')\n        model = XGB")
    (project / "cards" / "workflow.py").write_text(broken)
    ended = mlkit("run", "--from", "train", cwd=project)
    assert ended.returncode == 2
    assert "workflow.py" in ended.stdout
    assert "no such column" in ended.stdout
    assert "report.html" not in ended.stdout, "the report of the model before"


def test_from_keeps_what_comes_before_and_runs_the_rest_again(project: Path) -> None:
    spec = (project / "mlkit.yaml").read_text()
    (project / "mlkit.yaml").write_text(spec.replace("n_estimators: 20", "n_estimators: 2"))
    result = run_json(project, "--from", "train")
    states = {step["name"]: step["state"] for step in result["steps"]}
    assert states["extract"] == states["validate"] == states["split"] == "kept"
    assert states["train"] == states["evaluate"] == "done"
    (first, *_) = (project / ".mlkit" / "champions" / "cards").glob("1.json")
    assert result["model_id"] != json.loads(first.read_text())["model_id"]


def test_the_gates_of_a_version_are_those_that_decided_on_it(project: Path) -> None:
    """In a run whose gate ran again, the newest report is about another question: whether it beats itself."""
    assert run_json(project, "--from", "gate")["state"] == "NOT_SHIPPED"
    shown = json.loads(mlkit("models", "show", "--json", cwd=project).stdout)
    assert shown["gates"]
    assert all(gate.startswith("passed") for gate in shown["gates"])


def test_from_a_step_whose_inputs_are_not_there_is_the_users_mistake(project: Path) -> None:
    (project / "data" / "payments.csv").write_bytes(b"")
    assert mlkit("run", cwd=project).returncode == 1
    ended = mlkit("run", "--from", "train", cwd=project)
    assert ended.returncode == 2
    assert "train cannot be the first: extract has published nothing in" in ended.stderr


def test_resume_runs_again_only_what_no_longer_fits(project: Path) -> None:
    spec = (project / "mlkit.yaml").read_text()
    (project / "mlkit.yaml").write_text(spec.replace("at_least: 0.6", "at_least: 0.5"))
    states = {step["name"]: step["state"] for step in run_json(project, "--resume")["steps"]}
    assert states["train"] == states["evaluate"] == "kept"
    assert states["gate"] == "done"


def test_resume_of_a_shipped_run_ends_shipped_without_a_second_entry(project: Path) -> None:
    result = run_json(project, "--resume")
    states = {step["name"]: step["state"] for step in result["steps"]}
    assert result["state"] == "SHIPPED", result["reason"]
    assert (states["gate"], states["promote"]) == ("kept", "done")
    assert len(list((project / ".mlkit" / "champions" / "cards").glob("*.json"))) == 1


def test_killed_between_the_promotion_and_its_publication_it_finds_itself_promoted(project: Path) -> None:
    (published,) = project.glob(".mlkit/runs/cards/*/steps/promote/1/published.json")
    published.unlink()
    assert run_json(project, "--resume")["state"] == "SHIPPED"
    assert len(list((project / ".mlkit" / "champions" / "cards").glob("*.json"))) == 1


def test_resume_of_a_held_back_run_compares_with_the_champion_of_now(project: Path) -> None:
    assert run_json(project)["state"] == "NOT_SHIPPED"
    states = {step["name"]: step["state"] for step in run_json(project, "--resume")["steps"]}
    assert (states["evaluate"], states["gate"]) == ("kept", "done")


def test_a_named_platform_says_where_everything_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named by the option or by the environment: each step is a process of its own and reads it again."""
    folder = build_project(tmp_path / "cards")
    place = tmp_path / "elsewhere"
    text = f"environments:\n  laptop: {{backend: local, runs: {place}/runs, mlflow: 'sqlite:///{place}/mlflow.db'}}\n"
    (tmp_path / "p.yaml").write_text(text)
    result = run_json(folder, "--platform", "../p.yaml")
    assert result["state"] == "SHIPPED", result["reason"]
    assert (place / "champions" / "cards" / "1.json").exists()
    assert (place / "mlflow.db").exists()
    monkeypatch.setenv("MLKIT_PLATFORM", "../p.yaml")
    scored = json.loads(mlkit("predict", "--json", cwd=folder).stdout)
    assert (scored["state"], scored["model_version"]) == ("SCORED", result["model_version"])
    assert run_json(folder, "--resume")["state"] == "SHIPPED"
    assert not (folder / ".mlkit").exists()


@pytest.mark.parametrize("told", [signal.SIGKILL, signal.SIGTERM])
def test_stopped_with_all_its_processes_in_every_step_and_resumed_the_same_model_is_shipped(
    told: signal.Signals, shipped: Path, tmp_path: Path
) -> None:
    folder = build_project(tmp_path / "cards")
    for step in ("extract", "split", "validate", "train", "evaluate", "gate", "promote"):  # split is the quicker one
        _stop_in(step, told, folder)
    result = run_json(folder, "--resume")
    (entry,) = (shipped / ".mlkit" / "champions" / "cards").glob("*.json")
    assert result["state"] == "SHIPPED", result["reason"]
    assert result["model_id"] == json.loads(entry.read_text())["model_id"]
    assert len(list((folder / ".mlkit" / "champions" / "cards").glob("*.json"))) == 1
    assert len(list((folder / ".mlkit" / "runs" / "cards").iterdir())) == 1


def _stop_in(step: str, told: signal.Signals, folder: Path) -> None:
    """Begin a run, or go on with it, and stop all its processes when a step has just begun."""
    tries = f".mlkit/runs/cards/*/steps/{step}/*/tries/*/started.json"
    before = len(list(folder.glob(tries)))
    resume = ["--resume"] if (folder / ".mlkit").exists() else []
    process = subprocess.Popen(
        [*MLKIT, "run", *resume], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _wait_for(lambda: len(list(folder.glob(tries))) > before)
    children = psutil.Process(process.pid).children(recursive=True)
    for victim in [*children, psutil.Process(process.pid)]:
        _tell(victim, told)
    process.wait(30)
    assert not psutil.wait_procs(children, timeout=5)[1]


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_it_ends_its_steps_and_can_go_on(told: signal.Signals, tmp_path: Path) -> None:
    folder = build_project(tmp_path / "cards")
    process = subprocess.Popen(
        [*MLKIT, "run"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    _wait_for(lambda: list(folder.glob(".mlkit/runs/cards/*/steps/train/1/tries/1/started.json")))
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(told)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 128 + told
    (run,) = (folder / ".mlkit" / "runs" / "cards").iterdir()
    assert f"Interrupted. The run is {run}\nGo on with it: mlkit run --resume --run-id {run.name}\n" in said
    assert "Traceback" not in said
    assert not psutil.wait_procs(children, timeout=5)[1]
    assert not list(folder.glob(".mlkit/runs/cards/*/steps/train/1/published.json"))
    assert run_json(folder, "--resume")["state"] == "SHIPPED"


def test_two_runs_at_once_leave_one_champion_and_both_end_well(tmp_path: Path) -> None:
    folder = build_project(tmp_path / "cards")
    command = [*MLKIT, "run", "--json"]
    both = [subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    results = [json.loads(process.communicate(timeout=200)[0]) for process in both]
    assert sorted(result["state"] for result in results) == ["NOT_SHIPPED", "SHIPPED"]
    assert len(list((folder / ".mlkit" / "champions" / "cards").glob("*.json"))) == 1


def test_a_run_in_progress_is_not_resumed_beside_it(project: Path) -> None:
    (run,) = (project / ".mlkit" / "runs" / "cards").iterdir()
    holder = (
        "import sys, time\n"
        "from airflow_mlkit.local.run_lock import hold_run\n"
        "from airflow_mlkit.rundir import RunDirectory\n"
        "with hold_run(RunDirectory(sys.argv[1])):\n print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", holder, str(run)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "held"
    ended = mlkit("run", "--resume", cwd=project)
    process.kill()
    process.wait()
    assert ended.returncode == 2
    assert f"process {process.pid}" in ended.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "max_depth"], "name=value"),
        (["--set", "max_dept=3"], "did you mean max_depth"),
        (["--from", "trian"], "did you mean train"),
        (["--run-id", "nowhere", "--resume"], "There is no run"),
        (["--from", "train", "--set", "max_depth=4"], "parameters that it began with"),
        (["--resume", "--as-of", "2026-01-01"], "A run keeps the as_of"),
        (["--environment", "prod"], "no environment 'prod'"),
        (["--training-start", "2026-05-01", "--training-end", "2026-04-01"], "not before"),
    ],
)
def test_a_mistake_on_the_command_line_is_a_sentence(words: list[str], said: str, project: Path) -> None:
    ended = mlkit("run", *words, cwd=project)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_outside_a_project_it_says_where_projects_come_from(tmp_path: Path) -> None:
    ended = mlkit("run", cwd=tmp_path)
    assert ended.returncode == 2
    assert "mlkit new" in ended.stderr


def test_predict_scores_with_the_champion_and_skips_without_one(project: Path, tmp_path: Path) -> None:
    scored = json.loads(mlkit("predict", "--json", cwd=project).stdout)
    assert scored["state"] == "SCORED", scored["reason"]
    assert scored["rows"] == 600
    without = mlkit("predict", "--json", cwd=build_project(tmp_path / "new" / "cards", spec=default_spec()))
    assert json.loads(without.stdout)["state"] == "SKIPPED"
    assert without.returncode == 0


def _wait_for(found: Any, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "the step did not start"
        time.sleep(0.02)


def _tell(process: psutil.Process, told: signal.Signals) -> None:
    try:
        os.kill(process.pid, told)
    except ProcessLookupError:
        return

"""One try of one step, with real steps of a real project: how it ends, what it leaves, and what it publishes."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_mlkit.exceptions import UserError
from airflow_mlkit.project import Project, load_project
from airflow_mlkit.rundir import Outcome, RunDirectory, RunRecord
from airflow_mlkit.steps.run import run_step
from airflow_mlkit.steps.sign_of_life import show_life
from tests.projects import build_project

SPEC = """\
apiVersion: mlkit/v1
name: toy
owner: a@example.com
pattern: batch
data:
  source: {path: rows.csv}
  features: [amount, country]
  label: fraud
  holdout: {sampling: hash, key: [id]}
validate: {suite: suite.json}
problem: {kind: binary, positive: 1}
train: {workflow: toy_workflow:Toy, min_examples: 1, params: {max_depth: 6}}
gates:
  - {metric: roc_auc, at_least: 0.5}
"""

WORKFLOW = """\
import logging, os, signal, sys, time, warnings
from airflow_mlkit import Workflow

class Toy(Workflow):
    def features(self, dataframe):
        %s
        return dataframe

    def train(self, training_dataframe, validation_dataframe):
        return None
"""

NUMBERS = iter(range(1000))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [f"{n},{n % 17},{'US' if n % 3 else 'CA'},{int(n % 17 > 8)}" for n in range(200)]
    (tmp_path / "rows.csv").write_text("id,amount,country,fraud\n" + "\n".join(rows) + "\n")
    return tmp_path


def project_of(folder: Path, features: str = "pass") -> Project:
    """A project whose split does what `features` says; a module of its own each time, as each process would see it."""
    module = f"toy_workflow_{os.getpid()}_{next(NUMBERS)}"
    (folder / "mlkit.yaml").write_text(SPEC.replace("toy_workflow", module))
    (folder / f"{module}.py").write_text(WORKFLOW % features)
    return load_project(folder)


@pytest.fixture
def run(folder: Path) -> RunDirectory:
    return RunDirectory.create(folder / "run", RunRecord(name="toy", run_id="run", started=datetime.now(UTC)))


@pytest.fixture(autouse=True)
def _path() -> Iterator[None]:
    before = list(sys.path)
    yield
    sys.path[:] = before


def log_of(run: RunDirectory, step: str) -> list[str]:
    newest = run.step(step).tries()[-1]
    path = run.root / f"steps/{step}/{newest.generation}/tries/{newest.try_number}/log.txt"
    return path.read_text().splitlines()


def test_a_step_publishes_what_it_made_and_says_where_it_lies(folder: Path, run: RunDirectory) -> None:
    record = run_step("extract", project_of(folder), run)
    assert (record.outcome, record.exit_code) == (Outcome.DONE, 0)
    assert run.published("extract").file("snapshot.parquet").is_file()
    assert "extract: done after" in log_of(run, "extract")[-1]
    assert str(run.root / "steps/extract/1/tries/1") in log_of(run, "extract")[-1]


def test_a_try_keeps_the_size_that_it_asked_for_from_its_first_moment(folder: Path, run: RunDirectory) -> None:
    """One that is killed leaves `started.json` only, and a log that was touched as long as it was at work."""
    record = run_step("extract", project_of(folder), run)
    begun = json.loads((run.step("extract").root / "1/tries/1/started.json").read_text())
    assert begun["size"]["name"] == "cpu-small"
    assert record.size
    assert begun["size"] == record.size.model_dump()
    attempt = run.step("train").begin()
    attempt.log.write_text("at work\n")
    os.utime(attempt.log, (0, 0))
    with show_life(attempt, every=0.01):
        while attempt.log.stat().st_mtime == 0:
            time.sleep(0.01)


def test_a_step_without_its_inputs_says_which_step_to_run(folder: Path, run: RunDirectory) -> None:
    record = run_step("split", project_of(folder), run)
    assert record.exit_code == 2
    assert record.reason == (
        "split reads what extract publishes, and extract has published nothing in this run.\n"
        f"Type: mlkit step extract --run-dir {run.root}"
    )
    assert run.step("split").published() is None


def test_a_step_that_the_plan_has_not_is_refused(folder: Path, run: RunDirectory) -> None:
    with pytest.raises(UserError, match="no step 'predict'; known are extract, validate, split"):
        run_step("predict", project_of(folder), run)


@pytest.mark.parametrize(
    ("features", "exit_code", "reason"),
    [
        ("raise ValueError('no such country')", 2, "no such country"),
        ("sys.exit(0)", 2, "raised SystemExit: 0"),
        ("raise KeyboardInterrupt", 130, "Interrupted; nothing was published."),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)", 143, "Stopped by SIGTERM; nothing was published."),
    ],
)
def test_a_step_that_fails_leaves_the_reason_and_publishes_nothing(
    folder: Path, run: RunDirectory, features: str, exit_code: int, reason: str
) -> None:
    run_step("extract", project_of(folder), run)
    record = run_step("split", project_of(folder, features), run)
    assert (record.outcome, record.exit_code) == (Outcome.FAILED, exit_code)
    assert reason in (record.reason or "")
    assert run.step("split").published() is None
    assert (record.reason or "").splitlines()[-1] in log_of(run, "split")[-1]
    assert run.step("split").tries() == [record]


def test_a_step_whose_code_swallows_the_interruption_is_stopped_all_the_same(folder: Path, run: RunDirectory) -> None:
    run_step("extract", project_of(folder), run)
    swallow = "\n        try: os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.1)\n        except Exception: pass"
    record = run_step("split", project_of(folder, swallow), run)
    assert record.exit_code == 143
    assert run.step("split").published() is None


def test_a_missing_source_is_the_datas_fault(folder: Path, run: RunDirectory) -> None:
    (folder / "rows.csv").unlink()
    assert run_step("extract", project_of(folder), run).exit_code == 3


def test_warnings_of_python_and_of_other_libraries_are_in_the_log(folder: Path, run: RunDirectory) -> None:
    run_step("extract", project_of(folder), run)
    noisy = (
        "warnings.warn('old pandas'); other = logging.getLogger('lib'); other.warning('slow disk'); other.info('chat')"
    )
    run_step("split", project_of(folder, noisy), run)
    text = "\n".join(log_of(run, "split"))
    assert "old pandas" in text
    assert "slow disk" in text
    assert "chat" not in text


@pytest.mark.skipif(any(Path("/dev").glob("nvidia[0-9]*")), reason="this machine has a GPU")
def test_a_training_that_pays_for_a_gpu_and_uses_none_is_warned_of(tmp_path: Path) -> None:
    folder = build_project(tmp_path / "cards")
    prod = "{backend: kubernetes, namespace: ml, runs: s3://ml, mlflow: https://m.example.com}"
    (folder / "platform.yaml").write_text(f"step_sizes: {{train: gpu}}\nenvironments: {{prod: {prod}}}\n")
    project = load_project(folder, environment="prod")
    run = RunDirectory.create(tmp_path / "run", RunRecord(name="cards", run_id="run", started=datetime.now(UTC)))
    assert [run_step(step, project, run).exit_code for step in ("extract", "split", "train")] == [0, 0, 0]
    warnings_of = {step: [line for line in log_of(run, step) if " WARNING " in line] for step in ("split", "train")}
    assert warnings_of["split"] == []
    blind, slow = warnings_of["train"]
    assert "there is no /dev/nvidia0" in blind
    assert "It was trained on the CPU, and the size gpu has GPUs" in slow


def test_a_notebook_is_left_as_it_was(folder: Path, run: RunDirectory) -> None:
    def state() -> tuple[object, ...]:
        kit = logging.getLogger("airflow_mlkit")
        return logging.getLogger().handlers[:], kit.level, kit.handlers[:], signal.getsignal(15), warnings.showwarning

    before = state()
    run_step("extract", project_of(folder), run)
    assert state() == before


def test_a_step_runs_in_another_thread_too(folder: Path, run: RunDirectory) -> None:
    records = []
    thread = threading.Thread(target=lambda: records.append(run_step("extract", project_of(folder), run)))
    thread.start()
    thread.join()
    assert records[0].outcome is Outcome.DONE


def test_an_edited_step_runs_again_on_the_inputs_of_a_past_run(folder: Path, run: RunDirectory) -> None:
    run_step("extract", project_of(folder), run)
    first = run_step("split", project_of(folder), run)
    (folder / "rows.csv").unlink()
    second = run_step("split", project_of(folder, "dataframe['amount'] = dataframe['amount'] + 1"), run)
    assert (first.generation, second.generation) == (1, 2)
    assert second.inputs == first.inputs
    assert second.fingerprint != first.fingerprint
    assert run.published("split").record == second


def start(folder: Path, step: str, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "airflow_mlkit", "step", step, "--run-dir", "run", *options]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path) -> None:
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} did not appear")


SLEEP = "open('sleeping', 'w').close(); time.sleep(0 if os.path.exists('woken') else 60)"


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_process_that_was_stopped_in_a_step_is_started_again_and_ends_well(
    folder: Path, number: signal.Signals, exit_code: int
) -> None:
    project_of(folder, SLEEP)
    assert start(folder, "extract").wait(60) == 0
    process = start(folder, "split", "--generation", "1")
    wait_for(folder / "sleeping")
    process.send_signal(number)
    assert process.wait(10) == exit_code
    run = RunDirectory(folder / "run")
    assert run.step("split").published() is None
    if number == signal.SIGTERM:
        assert "Stopped by SIGTERM; nothing was published." in (process.stderr.read() if process.stderr else "")
        assert run.step("split").tries()[0].exit_code == 143

    (folder / "woken").touch()
    assert start(folder, "split", "--generation", "1").wait(60) == 0
    assert run.published("split").record.try_number == 2


def test_of_two_processes_of_one_generation_one_publishes_and_both_end_well(folder: Path) -> None:
    project_of(folder, "time.sleep(0.5)")
    assert start(folder, "extract").wait(60) == 0
    processes = [start(folder, "split", "--generation", "1") for _ in range(2)]
    said = "".join(process.communicate(timeout=60)[1] for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert said.count("Another try of generation 1 was first; this one is not used.") == 1
    assert len(RunDirectory(folder / "run").step("split").tries(1)) == 2


@pytest.mark.parametrize(
    ("parameters", "answer"),
    [
        ("{", "--parameters is no JSON"),
        ('{"parms": {}}', "--parameters parms: unknown key; did you mean params?"),
        ('{"training_start": "x"}', "--parameters training_start: 'x' is no date; write it as 2018-10-01"),
        (
            '{"training_start": "2019-01-01", "training_end": "2018-01-01"}',
            "--parameters training_start: 2019-01-01 is not before training_end, 2018-01-01",
        ),
        ("[]", "--parameters: [] is no mapping"),
    ],
)
def test_parameters_that_cannot_be_are_refused_before_a_run_begins(folder: Path, parameters: str, answer: str) -> None:
    project_of(folder)
    process = start(folder, "extract", "--parameters", parameters)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 2
    assert answer in said
    assert "Traceback" not in said
    assert not (folder / "run").exists()


def test_a_run_is_begun_by_its_first_step_with_what_was_asked_for(folder: Path) -> None:
    project_of(folder)
    asked = json.dumps({"params": {"max_depth": 3}})
    options = ("--parameters", asked, "--as-of", "2026-11-21", "--run-id", "manual__{{ x }}", "--triggered-by", "eve")
    assert start(folder, "extract", *options).wait(60) == 0
    record = RunDirectory(folder / "run").record
    assert record.parameters.params == {"max_depth": 3}
    assert record.as_of == datetime(2026, 11, 21, tzinfo=UTC)
    assert (record.run_id, record.triggered_by) == ("manual__{{ x }}", "eve")

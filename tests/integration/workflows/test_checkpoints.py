"""A training that is killed goes on from its last checkpoint, and makes the model that it would have made."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_mlkit.project import Project, load_project
from airflow_mlkit.rundir import CheckpointFolder, Outcome, RunDirectory, StepRecord, checkpoint_folder
from airflow_mlkit.steps.run import run_step
from airflow_mlkit.workflows import checkpoint as checkpoints
from tests.integration.workflows.conftest import Case, write_run
from tests.interrupting import train

DRAWING = """
from xgboost import XGBClassifier
from airflow_mlkit import Workflow

class Own(Workflow):
    def train(self, rows, more_rows):
        model = XGBClassifier(**self.params, random_state=self.seed, n_jobs=self.threads, enable_categorical=True)
        columns = self.feature_columns
        evaluated = [(more_rows[columns], more_rows[self.label])]
        return self.checkpoint.fit(model, rows[columns], rows[self.label], eval_set=evaluated, verbose=False)
"""

NATIVE = """
import xgboost

class Own:
    def train(self, rows, more_rows):
        def matrix(frame):
            return xgboost.DMatrix(frame[self.feature_columns], frame[self.label], enable_categorical=True)
        params = {"objective": "binary:logistic", "seed": self.seed, "nthread": self.threads, "subsample": 0.6}
        self.checkpoint.fit(xgboost.XGBClassifier(n_estimators=4, enable_categorical=True),
                            rows[self.feature_columns], rows[self.label])  # another training before it
        return xgboost.train(params, matrix(rows), 20, callbacks=[self.checkpoint.callback()])
"""

OWN = """
import json
from sklearn.ensemble import HistGradientBoostingClassifier
from airflow_mlkit import Workflow

class Own(Workflow):
    def train(self, rows, more_rows):
        found = self.checkpoint.load()
        first = json.loads(found)["round"] if found else 0
        for number in range(first, 6):
            print("round", number, flush=True)
            if number == 3 and not found:
                self.checkpoint.save(json.dumps({"round": number}).encode())
                raise ValueError("the machine is on fire")
        model = HistGradientBoostingClassifier(max_iter=4, random_state=self.seed)
        return self.checkpoint.fit(model, rows[["amount"]], rows[self.label])
"""

ROUNDS = 24


@pytest.fixture(autouse=True)
def _always_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(checkpoints, "LARGEST_SHARE", 1e9)


@pytest.fixture
def drawing(payments: Case, write_project: Callable[..., Project]) -> tuple[Project, RunDirectory]:
    """A training that draws rows and columns and may stop early, and the run in which it has its rows."""
    payments.train["params"] = {
        "n_estimators": ROUNDS,
        "max_depth": 3,
        "subsample": 0.6,
        "colsample_bynode": 0.6,
        "early_stopping_rounds": 20,
    }
    project = write_project(DRAWING, payments, "drawing")
    return project, write_run(project.folder.with_name("drawing-run"), payments)


@pytest.mark.parametrize(
    ("act", "time"),
    [("update", 1), ("update", 9), ("eval_set", 9), ("fsync", 6), ("replace", 6), ("publish", 1)],
)
def test_a_training_killed_at_any_moment_makes_the_same_model_with_fewer_rounds(
    drawing: tuple[Project, RunDirectory], payments: Case, tmp_path: Path, act: str, time: int
) -> None:
    project, run = drawing
    whole = write_run(tmp_path / "whole", payments)
    expected = run_step("train", project, whole)

    assert train(project, run, tmp_path / "first", (act, time)) == -signal.SIGKILL
    assert run.step("train").published() is None
    assert train(project, run, tmp_path / "second") == 0

    record = run.published("train").record
    assert record.summary["model_id"] == expected.summary["model_id"]
    assert _curve(run) == _curve(whole)
    assert _rounds(tmp_path / "second") == ROUNDS - max(0, _kept(act, time))
    assert not _folder(run).exists(), "removed when the step has published"


def _kept(act: str, time: int) -> int:
    """How many rounds the last whole checkpoint held when the process was killed; started.json is synced too."""
    return {"update": time - 1, "eval_set": time - 1, "fsync": time - 2, "replace": time - 1, "publish": ROUNDS}[act]


def test_a_step_that_is_told_to_end_keeps_the_round_it_has_just_finished(
    drawing: tuple[Project, RunDirectory], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "EVERY_SECONDS", 3600.0)
    project, run = drawing
    assert train(project, run, tmp_path / "first", ("update", 9), signal.SIGTERM) == 143
    assert train(project, run, tmp_path / "second") == 0
    assert _rounds(tmp_path / "second") == ROUNDS - 9


def test_each_training_of_a_workflow_has_a_checkpoint_of_its_own(
    payments: Case, write_project: Callable[..., Project], tmp_path: Path
) -> None:
    project = write_project(NATIVE, payments, "native")
    run, whole = write_run(tmp_path / "run", payments), write_run(tmp_path / "whole", payments)
    assert train(project, run, tmp_path / "first", ("update", 4 + 10)) == -signal.SIGKILL
    assert train(project, run, tmp_path / "second") == 0
    assert _rounds(tmp_path / "second") == 20 - 9
    expected = run_step("train", project, whole).summary["model_id"]
    assert run.published("train").record.summary["model_id"] == expected
    assert run.published("train").record.summary["estimator"] == "Booster"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda content: content[: len(content) // 2], "is damaged"),
        (lambda content: content.replace(b"validation", b"valiXation"), "is damaged"),
        (lambda content: b"\x00\xff" + content, "is damaged"),
        (lambda _: b"", "is damaged"),
        (lambda _: b"[]\n", "is damaged"),
    ],
)
def test_a_damaged_checkpoint_is_as_none(
    drawing: tuple[Project, RunDirectory],
    tmp_path: Path,
    spoil: Callable[[bytes], bytes],
    said: str,
) -> None:
    project, run = drawing
    train(project, run, tmp_path / "first", ("update", 9))
    (kept,) = _checkpoints(run)
    kept.write_bytes(spoil(kept.read_bytes()))
    record = run_step("train", project, run)
    assert record.outcome is Outcome.DONE, record.reason
    assert said in _log(run, record)
    assert json.loads(run.published("train").file("training.json").read_text())["continued"] is None


@pytest.mark.parametrize("changed", ["seed", "params", "code", "rows"])
def test_a_checkpoint_of_another_training_is_not_used(
    drawing: tuple[Project, RunDirectory], payments: Case, tmp_path: Path, changed: str
) -> None:
    project, run = drawing
    train(project, run, tmp_path / "first", ("update", 9))
    (kept,) = _checkpoints(run)
    content = kept.read_bytes()
    if changed == "rows":
        payments.labels[:50] = 1 - payments.labels[:50]
        run = write_run(tmp_path / "other", payments)
        CheckpointFolder(run.step("train").root / "1" / "checkpoints").write(kept.name, content)
    elif changed == "code":
        (project.folder / "own" / "workflow.py").write_text(DRAWING + "# another\n")
    else:
        text = (project.folder / "mlkit.yaml").read_text()
        other = {"seed": ("min_examples:", "seed: 3\n  min_examples:"), "params": ("max_depth: 3", "max_depth: 4")}
        (project.folder / "mlkit.yaml").write_text(text.replace(*other[changed]))
    project = load_project(project.folder)

    record = run_step("train", project, run, 1)
    fresh = run_step("train", project, run, 2)
    assert "is not used" in _log(run, record)
    assert record.summary["model_id"] == fresh.summary["model_id"]


def test_a_place_that_refuses_checkpoints_does_not_end_the_training(
    drawing: tuple[Project, RunDirectory], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, run = drawing
    written = 0
    replace = checkpoint_folder.replace_file

    def fail_after_three(path: Path, content: bytes) -> None:
        nonlocal written
        written += 1
        if written > 3:
            raise OSError(28, "No space left on device")
        replace(path, content)

    monkeypatch.setattr(checkpoint_folder, "replace_file", fail_after_three)
    record = run_step("train", project, run)
    assert record.outcome is Outcome.DONE
    assert written == ROUNDS
    assert _log(run, record).count("No checkpoint can be kept") == 1


def test_a_checkpoint_that_takes_long_to_write_is_kept_seldom(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = 0.0
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now)
    monkeypatch.setattr(checkpoints, "EVERY_SECONDS", 60.0)
    monkeypatch.setattr(checkpoints, "LARGEST_SHARE", 0.05)

    class Slow:
        def write(self, _name: str, _content: bytes) -> None:
            nonlocal now
            now += 30.0

    kept = checkpoints.Checkpoint(Slow())  # type: ignore[arg-type]  # a store that takes half a minute
    writing = 0.0
    while now < 36_000:
        now += 1
        if kept.is_due:
            before = now
            kept.save(b"a large model")
            writing += now - before
    assert 0 < writing <= 0.05 * now


def test_a_model_without_chance_is_the_one_that_xgboost_makes_by_itself(
    payments: Case, write_project: Callable[..., Project], train_project: Callable[..., Any]
) -> None:
    plain = DRAWING.replace("self.checkpoint.fit(model, ", "model.fit(")
    models = [
        train_project(write_project(text, payments, folder), payments).model.manifest.model_hash
        for folder, text in (("kept", DRAWING), ("plain", plain))
    ]
    assert models[0] == models[1]


def test_a_workflow_keeps_bytes_of_its_own(
    payments: Case,
    write_project: Callable[..., Project],
    train_project: Callable[..., Any],
    capfd: pytest.CaptureFixture[str],
) -> None:
    payments.train["params"] = {}
    project = write_project(OWN, payments, "own-bytes")
    first = train_project(project, payments)
    assert "on fire" in str(first.record.reason)
    capfd.readouterr()
    second = run_step("train", project, first.run)
    assert second.generation == first.record.generation
    assert second.outcome is Outcome.DONE, second.reason
    assert capfd.readouterr().out.split("\n")[:3] == ["round 3", "round 4", "round 5"]


def _rounds(counted: Path) -> int:
    return int(counted.read_text()) if counted.exists() else 0


def _folder(run: RunDirectory) -> Path:
    return Path(run.step("train").root.path) / "1" / "checkpoints"


def _checkpoints(run: RunDirectory) -> list[Path]:
    return [path for path in _folder(run).iterdir() if not path.name.startswith(".")]


def _curve(run: RunDirectory) -> Any:
    return json.loads(run.published("train").file("training.json").read_text())["curve"]


def _log(run: RunDirectory, record: StepRecord) -> str:
    place = run.step("train").root / str(record.generation) / "tries" / str(record.try_number) / "log.txt"
    return str(place.read_text())

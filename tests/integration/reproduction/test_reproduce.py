"""A version is made again from what it tells of itself, whatever became of the project since."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from click.testing import Result
from typer.testing import CliRunner

from airflow_mlkit.cli.app import app
from airflow_mlkit.exceptions import MLKitError
from airflow_mlkit.project import load_project
from airflow_mlkit.registry import ChampionLog
from tests.forging import append_code, mark_of
from tests.lacking import skip_or_fail
from tests.stepping import rewrite

pytestmark = pytest.mark.needs("git")


def mlkit(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--project", str(folder)])


def reproduce(folder: Path, *words: str) -> dict[str, object]:
    done = mlkit(folder, "reproduce", *words, "--json")
    assert not isinstance(done.exception, MLKitError), done.exception
    found = json.loads(done.stdout)
    assert done.exit_code == (0 if found["same"] else 3 if found["difference"]["cause"] in ("snapshot", "split") else 1)
    return dict(found)


def refusal(folder: Path, *words: str) -> tuple[int, str]:
    error = mlkit(folder, "reproduce", *words).exception
    assert isinstance(error, MLKitError)
    return error.exit_code, str(error)


def run_of(folder: Path, run_id: str) -> Path:
    return Path(load_project(folder).runs) / run_id


def artifacts_of(folder: Path, n: int) -> Path:
    champions = load_project(folder).champions
    return Path(champions, ChampionLog(champions).entries()[n - 1].artifact).resolve().parent


def state_of(folder: Path) -> dict[str, bytes]:
    """Every file of the project, its runs, its registry and its repository."""
    files = (
        path
        for path in folder.parent.rglob("*")
        if path.is_file() and not path.name.endswith((".lock", "-shm", "-wal"))
    )
    return {str(path): path.read_bytes() for path in files}


def test_an_old_version_is_made_again_from_its_commit_and_nothing_is_touched(cards: Path) -> None:
    before = state_of(cards)
    found = reproduce(cards, "1")
    assert found["same"]
    assert found["found_id"] == found["model_id"]
    assert str(found["code"]).startswith("commit ")
    assert found["data"] == "the snapshot of its run"
    assert state_of(cards) == before
    assert reproduce(cards, "2")["same"]


def test_a_version_whose_run_was_cleaned_away_is_made_again_from_its_source(cards: Path) -> None:
    """Version 2 has the source as it is now; that of version 1 has changed, and the data is named."""
    for run_id in ("r1", "r2"):
        shutil.rmtree(run_of(cards, run_id))
    assert reproduce(cards, "2")["data"] == "its source, read again (the run's snapshot was removed)"
    changed = reproduce(cards, "1")
    assert not changed["same"]
    assert changed["difference"]["cause"] == "snapshot"  # type: ignore[index]
    said = mlkit(cards, "reproduce", "1").output
    assert "NOT THE SAME" in said
    assert "The snapshot was removed, and the source has other rows by now" in said
    rewrite(cards, lambda rows: rows.drop(columns="country"))
    assert refusal(cards, "1")[0] == 3


def test_without_git_the_code_is_that_of_the_model_and_that_is_said(cards: Path) -> None:
    shutil.rmtree(cards.parent / ".git")
    found = reproduce(cards, "1")
    assert found["same"]
    assert found["code"] == "the code that the model carries"
    assert "is not in this clone; git fetch brings it." in found["notes"][0]  # type: ignore[index]


def test_a_model_whose_code_was_changed_is_refused_before_it_runs(cards: Path) -> None:
    shutil.rmtree(cards.parent / ".git")
    model = artifacts_of(cards, 1) / "model"
    append_code(model)
    code, said = refusal(cards, "1")
    assert (code, "is not what was registered" in said) == (1, True)
    assert not mark_of(model).exists()


def test_a_changed_spec_is_refused(cards: Path) -> None:
    kept = artifacts_of(cards, 1) / "project/mlkit.yaml"
    kept.write_text(kept.read_text().replace("max_depth: 3", "max_depth: 30"))
    assert "The mlkit.yaml that is kept with cards version 1 was changed" in refusal(cards, "1")[1]


def test_a_commit_that_has_other_code_is_named_first(cards: Path) -> None:
    """Somebody wrote another commit into what the version tells."""
    head = subprocess.run(["git", "-C", str(cards), "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    rewrite_facts(cards, 1, git_commit=head)
    found = reproduce(cards, "1")
    assert found["difference"]["cause"] == "code"  # type: ignore[index]
    assert head[:12] in found["difference"]["now"]  # type: ignore[index]


def rewrite_facts(folder: Path, n: int, **changed: object) -> None:
    path = artifacts_of(folder, n) / "version.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


def change_library(folder: Path, n: int, **versions: str) -> None:
    path = artifacts_of(folder, n) / "model/model.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"libraries": content["libraries"] | versions}))


def test_another_library_version_is_named_where_it_cannot_be_had(
    cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_library(cards, 1, xgboost="0.0.1", python="3.99.1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    code, said = refusal(cards, "1")
    assert code == 2
    assert "there is no Python 3.99 here" in said
    found = reproduce(cards, "1", "--here")
    assert found["same"]
    assert [note for note in found["notes"] if "xgboost 0.0.1, now" in note]  # type: ignore[attr-defined]


def test_other_libraries_come_first_where_the_model_differs_too(cards: Path) -> None:
    change_library(cards, 1, xgboost="0.0.1")
    rewrite_metric(cards)
    found = reproduce(cards, "1", "--here")
    assert found["difference"]["cause"] == "libraries"  # type: ignore[index]
    assert found["difference"]["what"] == "xgboost"  # type: ignore[index]


def rewrite_metric(folder: Path) -> None:
    """Let the second making differ from what was registered."""
    entry = Path(load_project(folder).champions) / "1.json"
    content = json.loads(entry.read_text())
    content["metrics"]["roc_auc"] += 0.01
    entry.write_text(json.dumps(content))
    (entry.parent / "2.json").unlink()


def test_bad_versions_are_answered_in_a_sentence(cards: Path) -> None:
    assert refusal(cards, "7") == (2, "cards has no version '7'; known are 1, 2.\nmlkit models versions lists them.")
    assert refusal(cards, "[bold]1")[0] == 2
    import mlflow

    client = mlflow.MlflowClient(load_project(cards).mlflow, load_project(cards).mlflow)
    client.create_model_version("cards", "s3://elsewhere/model")
    assert "version 3 was not made by mlkit" in refusal(cards, "3")[1]


def test_changed_files_keep_the_commit_from_vouching(cards: Path) -> None:
    rewrite_facts(cards, 1, git_clean=False)
    found = reproduce(cards, "1")
    assert found["same"]
    assert found["code"] == "the code that the model carries"
    assert str(found["notes"]).startswith("['Files were changed since commit")


STAND_IN = """#!{python}
import os, sys
with open({log!r}, "a") as log:
    print(*sys.argv[1:], file=log)
if sys.argv[1] != "run":
    sys.exit({refuses})
words = sys.argv[sys.argv.index({image!r}) + 1 :]
os.execv({python!r}, [{python!r}, "-m", "airflow_mlkit", *words])
"""
IMAGE = "registry.example.com/cards@sha256:12"


def stand_in_for_docker(folder: Path, monkeypatch: pytest.MonkeyPatch, *, refuses: str = "0") -> Path:
    """A docker that writes down how it is called and runs the words on this machine."""
    log = folder / "called"
    docker = folder / "docker"
    docker.write_text(STAND_IN.format(python=sys.executable, log=str(log), refuses=refuses, image=IMAGE))
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return log


def test_its_image_runs_without_a_network_on_inputs_that_it_cannot_write(
    cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = stand_in_for_docker(tmp_path, monkeypatch)
    rewrite_facts(cards, 1, image=IMAGE)
    found = reproduce(cards, "1")
    assert found["same"]
    assert str(found["libraries"]).startswith(f"its image {IMAGE}")
    runs = [line for line in called.read_text().splitlines() if line.startswith("run ")]
    assert [line.partition(f"{IMAGE} step ")[2].partition(" ")[0] for line in runs] == ["split", "train", "evaluate"]
    for line in runs:
        assert "--network none --read-only" in line
        assert "/project:ro" in line
        assert "/run/steps/extract:ro" in line


def test_an_image_that_cannot_be_had_is_said_and_the_libraries_are_taken_from_here(
    cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in_for_docker(tmp_path, monkeypatch, refuses="'no such image: [b]cards[/b]'")
    rewrite_facts(cards, 1, image=IMAGE)
    done = mlkit(cards, "reproduce", "champion", "--keep")
    assert done.exit_code == 0, done.exception
    assert "image" not in done.stdout  # version 2 was made without one
    kept = Path(next(line for line in done.stdout.splitlines() if "  kept " in line).split()[-1])
    assert (kept / "run/run.json").exists()
    shutil.rmtree(kept)
    done = mlkit(cards, "reproduce", "1")
    assert "which cannot be had here: no such image: [b]cards[/b]" in done.stdout
    assert "ran with    this Python" in done.stdout


@pytest.mark.needs("uv")
def test_its_library_versions_are_installed_where_here_are_others(
    cards: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one test that builds a virtual environment: it takes a minute, and a package index."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    change_library(cards, 1, skops="0.15.0")
    done = mlkit(cards, "reproduce", "1", "--json")
    said = str(done.exception)
    if isinstance(done.exception, MLKitError) and not index_answers(said):
        skip_or_fail(f"no package index can be reached: {said.splitlines()[1]}")
    found = json.loads(done.stdout)
    assert found["same"], found["difference"]
    assert found["libraries"].startswith("a virtual environment with its versions")
    change_library(cards, 1, skops="0.0.0")
    code, said = refusal(cards, "1")
    assert code == 2
    assert "skops" in said
    assert "cannot be installed" in said


def index_answers(said: str) -> bool:
    return not any(word in said.lower() for word in ("fetch", "connect", "network", "dns", "timed out"))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_nothing_is_left_of_one_that_was_stopped(cards: Path, how: signal.Signals, tmp_path: Path) -> None:
    """Of one that was killed the next start removes what it left; two at once do not meet."""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "airflow_mlkit", "reproduce", "1", "--project", str(cards)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    for line in process.stderr:
        if line.startswith("train"):
            break
    time.sleep(0.5)
    steps = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(how)
    process.wait(60)
    for step in steps:  # of one that was killed its step goes on until it ends
        with suppress(psutil.NoSuchProcess):
            step.terminate()
    assert psutil.wait_procs(steps, 60)[1] == []
    process.stderr.close()
    left = list(tmp_path.glob("mlkit-reproduce-*"))
    assert len(left) == (1 if how is signal.SIGKILL else 0)
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in "12"]
    assert [one.wait(280) for one in both] == [0, 0]
    for one in both:
        assert one.stdout
        one.stdout.close()
    assert list(tmp_path.glob("mlkit-reproduce-*")) == []

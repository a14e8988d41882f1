"""What `mlkit clean` lets go, and what always stays."""

from __future__ import annotations

import fcntl
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from airflow_mlkit.cli.app import app
from airflow_mlkit.local.run_lock import LOCK_FILE, hold_run, is_held
from airflow_mlkit.project import load_project
from airflow_mlkit.registry import ChampionLog
from airflow_mlkit.rundir import Outcome, RunDirectory, RunRecord
from tests.challengers import build_entry
from tests.projects import build_project, default_spec

NOW = datetime.now(UTC)


def begin_run(folder: Path, name: str, days: int, *, pipeline: str = "cards") -> RunDirectory:
    """A run that began some days ago, with a snapshot in it."""
    record = RunRecord(name=pipeline, run_id=name, started=NOW - timedelta(days=days))
    run = RunDirectory.create(folder / ".mlkit" / "runs" / "cards" / name, record)
    attempt = run.step("extract").begin()
    (attempt.folder / "snapshot.parquet").write_bytes(b"x" * 2048)
    (attempt.folder / "snapshot.json").write_text("{}")
    record_of_try = attempt.record(outcome=Outcome.DONE, exit_code=0, files=attempt.seal())
    attempt.end(record_of_try)
    attempt.publish(record_of_try)
    return run


def hold_for_a_moment(run: RunDirectory) -> bool:
    with hold_run(run):
        return True


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project that keeps runs for 90 days, and snapshots for 30."""
    return build_project(tmp_path, spec=default_spec() | {"retention": {"runs": "90d", "snapshots": "30d"}})


def clean(folder: Path, *options: str) -> str:
    result = CliRunner().invoke(app, ["clean", "--project", str(folder), *options], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_old_runs_go_and_of_younger_ones_only_the_rows(folder: Path) -> None:
    old, middle, young = (begin_run(folder, name, days) for name, days in [("old", 91), ("middle", 31), ("young", 2)])
    said = clean(folder)
    assert not old.root.exists()
    assert sorted(path.name for path in middle.root.rglob("snapshot.*")) == ["snapshot.json"]
    assert sorted(path.name for path in young.root.rglob("snapshot.*")) == ["snapshot.json", "snapshot.parquet"]
    assert "removed run" in said
    assert "snapshot (1 files) of" in said
    assert "old enough" in clean(folder)


def test_a_dry_run_removes_nothing(folder: Path) -> None:
    old = begin_run(folder, "old", 91)
    assert "would remove run" in clean(folder, "--dry-run")
    assert old.root.exists()


def test_the_champions_run_stays(folder: Path) -> None:
    run = begin_run(folder, "r1", 400)
    ChampionLog(load_project(folder).champions).append(build_entry(1))
    clean(folder)
    assert list(run.root.rglob("snapshot.parquet"))


def test_the_runs_that_the_gate_and_a_rollback_ask_stay(folder: Path) -> None:
    """The gate scores champion and anchor; a rollback asks the champion before on the rows of its own holdout."""
    runs = {name: begin_run(folder, name, 400) for name in ("r1", "r2", "r3", "r4", "r5")}
    champions = ChampionLog(load_project(folder).champions)
    for n, anchor in enumerate((1, 2, 2, 2), start=1):
        champions.append(build_entry(n, anchor=anchor))
    champions.append(build_entry(5, anchor=2, model_id=f"{4:064x}", run_id="r5"))
    clean(folder)
    stayed = {name for name, run in runs.items() if list(run.root.rglob("snapshot.parquet"))}
    assert stayed == {"r5", "r2", "r3"}, "the champion, its anchor, and the last champion that was another model"


def test_a_run_in_progress_stays(folder: Path) -> None:
    held, trying, dead = (begin_run(folder, name, 400) for name in ("held", "trying", "dead"))
    trying.step("train").begin()
    with hold_run(held):
        clean(folder)
    assert held.root.exists()
    assert trying.root.exists()
    assert not dead.root.exists()


def test_a_look_at_a_run_does_not_keep_it_from_starting(folder: Path) -> None:
    """`mlkit clean` holds the lock, shared and for a moment, while it looks whether a run is in progress."""
    run = begin_run(folder, "young", 2)
    with hold_run(run):
        pass
    with (Path(run.root.path) / LOCK_FILE).open() as looking, ThreadPoolExecutor() as pool:
        fcntl.flock(looking, fcntl.LOCK_SH)
        assert not is_held(Path(run.root.path)), "two may look at once"
        started = pool.submit(hold_for_a_moment, run)
        time.sleep(0.1)
        fcntl.flock(looking, fcntl.LOCK_UN)
        assert started.result(5)


def test_what_is_not_this_projects_run_stays(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = begin_run(folder, "other", 400, pipeline="wine")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    begin_run(elsewhere, "linked", 400)
    link = folder / ".mlkit/runs/cards/linked"
    link.symlink_to(elsewhere / ".mlkit/runs/cards/linked")
    damaged = folder / ".mlkit/runs/cards/damaged"
    damaged.mkdir()
    (damaged / "run.json").write_text("{")
    clean(folder)
    assert other.root.exists()
    assert (link / "run.json").exists()
    assert damaged.exists()


def test_without_retention_everything_stays(tmp_path: Path) -> None:
    folder = build_project(tmp_path)
    run = begin_run(folder, "old", 4000)
    assert "declares no retention" in clean(folder)
    assert run.root.exists()

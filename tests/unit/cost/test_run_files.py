"""What is counted of run directories: whole ones, killed tries, damaged files, runs that were cleaned away."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from airflow_mlkit.cli.app import app
from airflow_mlkit.cost.counted_try import Doubt, RunTries
from airflow_mlkit.cost.run_files import read_runs
from airflow_mlkit.project import load_project
from airflow_mlkit.registry import ChampionLog
from airflow_mlkit.rundir import RunDirectory
from airflow_mlkit.steps.asked_size import find_asked_size
from airflow_mlkit.steps.run import find_step
from tests.challengers import build_entry
from tests.costing import NOON, SMALL, write_log, write_run, write_try
from tests.projects import build_project, default_spec

PLATFORM = """\
sizes:
  cpu-small: {cpu: 2, memory: 4Gi}
  cpu-large: {cpu: 8, memory: 16Gi}
pools: {general: {price_per_hour: 0.4, node: {cpu: 8, memory: 32Gi}}}
currency: EUR
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    build_project(tmp_path, rows=10, spec=default_spec() | {"retention": {"runs": "1d"}})
    (tmp_path / "platform.yaml").write_text(PLATFORM)
    return tmp_path


@pytest.fixture
def runs(folder: Path) -> Path:
    return folder / ".mlkit/runs/cards"


def read(runs: Path) -> list[RunTries]:
    return list(read_runs(str(runs), "cards"))


def mlkit(folder: Path, *words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--project", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def cost(folder: Path, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(mlkit(folder, "cost", "--json", *words))
    return found


def rows_of(found: dict[str, Any], key: str = "hours") -> dict[str, Any]:
    return {row["name"]: row[key] for row in found["rows"]}


def test_a_killed_try_counts_until_its_last_sign_of_life(runs: Path) -> None:
    run = write_run(runs, "r1")
    write_log(write_try(run, "train/1/1", seconds=None), 1234)
    (one,) = read(runs)[0].tries
    assert (one.seconds, one.doubt) == (pytest.approx(1234), Doubt.NO_OUTCOME)
    assert one.size
    assert one.size.price_per_hour == 0.4


def test_a_killed_try_never_counts_beyond_the_next_one(runs: Path) -> None:
    """One without a sign of life counts until the next; so does one whose files were touched long afterwards."""
    run = write_run(runs, "r1")
    write_try(run, "train/1/1", seconds=None)
    write_log(write_try(run, "train/1/2", seconds=None, started=NOON + timedelta(minutes=10)), 10**6)
    write_try(run, "train/1/3", started=NOON + timedelta(minutes=15))
    write_try(run, "gate/1/1", started=NOON + timedelta(minutes=1), seconds=None)
    seconds = {one.place: one.seconds for one in read(runs)[0].tries}
    assert seconds == {"train/1/1": 600, "train/1/2": 300, "train/1/3": 3600, "gate/1/1": 0}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"started": "yesterday"}'],
    ids=["empty", "half", "list", "binary", "words"],
)
def test_a_damaged_outcome_is_counted_as_far_as_it_can_be_and_named(folder: Path, runs: Path, content: bytes) -> None:
    path = write_try(write_run(runs, "r1"))
    write_log(path, 60)
    (path / "outcome.json").write_bytes(content)
    os.utime(path / "outcome.json", (NOON.timestamp(), NOON.timestamp()))
    assert "r1 train/1/1 has a damaged outcome.json" in mlkit(folder, "cost")
    assert cost(folder)["total"]["hours"] == pytest.approx(60 / 3600, abs=1e-6)


def test_a_clock_that_went_backwards_counts_as_nothing_and_is_named(folder: Path, runs: Path) -> None:
    write_try(write_run(runs, "r1"), seconds=-30)
    assert cost(folder)["doubtful"] == [
        {"project": "cards", "run": "r1", "place": "train/1/1", "doubt": "clock", "seconds": 0}
    ]


def test_what_is_no_run_of_the_project_is_left_out(folder: Path, runs: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_try(write_run(runs, "r1"))
    write_try(write_run(runs, "other", project="wine"))
    damaged = write_run(runs, "damaged")
    write_try(damaged)
    (damaged / "run.json").write_text("{")
    nothing = write_try(write_run(runs, "r2"), seconds=None)
    (nothing / "started.json").write_text("{")
    (runs / "a file").write_text("not a run")
    (runs / "r1/steps/train/1/tries/notes").mkdir()
    assert cost(folder)["total"]["runs"] == 1
    assert "run.json of damaged" in caplog.text
    assert "r2/train/1/1" in caplog.text


def test_sizes_that_were_never_kept_and_prices_that_were_unknown_are_said(folder: Path, runs: Path) -> None:
    run = write_run(runs, "r1")
    write_try(run, "extract/1/1", size=None)
    write_try(run, "split/1/1", size=SMALL | {"price_per_hour": None})
    write_try(run, "train/1/1", size=SMALL | {"node": None, "pool": "gone"})
    write_try(run, "gate/1/1", size=SMALL | {"backend": "local"})
    said = mlkit(folder, "cost", "--by", "step")
    assert "1 try ran on a pool without a price" in said
    assert "1 try from before sizes were written down" in said
    assert "pool gone did not say what a node offers" in said
    assert "1 try of 4 ran on a machine" in said
    assert cost(folder)["total"]["money"] == {"EUR": 0.5}


def test_lines_are_versions_months_steps_and_projects(folder: Path, runs: Path) -> None:
    """A version costs what its run cost until it was promoted; what came later made no version."""
    first, second = write_run(runs, "r1"), write_run(runs, "r2")
    write_try(first, "train/1/1", started=NOON - timedelta(days=1))
    write_try(first, "promote/1/1", started=NOON - timedelta(seconds=1))
    write_try(first, "gate/2/1", started=NOON + timedelta(days=1))
    write_try(second, "train/1/1", started=NOON + timedelta(days=40))
    write_try(write_run(runs, "p1", dag="predict"), "predict/1/1", started=NOON)
    champions = ChampionLog(load_project(folder).champions)
    champions.append(build_entry(1, run_id="r1", model_version="7", promoted_at=NOON))
    champions.append(build_entry(2, run_id="r9", model_version="8", promoted_at=NOON))
    again = {"action": "rollback", "restores": 1, "promoted_at": NOON + timedelta(days=90)}
    champions.append(build_entry(3, run_id="r1", model_version="7", **again))
    assert rows_of(cost(folder)) == {"version 7": 2, "scoring": 1, "no version": 2}
    assert list(rows_of(cost(folder, "--by", "step"))) == ["train", "gate", "promote", "predict"]
    assert rows_of(cost(folder, "--by", "month")) == {"2026-02": 1, "2026-03": 3, "2026-04": 1}
    write_try(write_run(runs.parent / "wine", "w1", project="wine"))
    assert rows_of(cost(folder, "--by", "project")) == {"cards": 5, "wine": 1}
    assert rows_of(cost(folder, "--all"))["wine no version"] == 1
    assert cost(folder, "--since", "2026-03-01", "--until", "2026-03-02")["total"]["tries"] == 2


def test_a_run_that_is_cleaned_away_keeps_its_cost(folder: Path, runs: Path) -> None:
    """Also one whose removal was broken off, and which has tried again since."""
    run = write_run(runs, "r1")
    write_try(run, "train/1/1")
    write_log(write_try(run, "gate/1/1", seconds=None), 1800)
    write_try(run, "gate/1/2", started=NOON + timedelta(days=2))
    before = cost(folder, "--by", "step")
    mlkit(folder, "clean")
    assert not run.exists()
    assert cost(folder, "--by", "step") == before
    write_try(write_run(runs, "r1"), "promote/1/1", started=NOON + timedelta(days=3))
    assert rows_of(cost(folder, "--by", "step")) == rows_of(before) | {"promote": 1}
    (kept,) = folder.glob(".mlkit/champions/cards/costs/*.json")
    kept.write_text("{")
    assert rows_of(cost(folder, "--by", "step")) == {"promote": 1}


def test_a_run_whose_cost_cannot_be_kept_stays(folder: Path, runs: Path) -> None:
    run = write_run(runs, "r1")
    write_try(run)
    place = folder / ".mlkit/champions/cards"
    place.mkdir(parents=True)
    (place / "costs").write_text("no folder")
    result = CliRunner().invoke(app, ["clean", "--project", str(folder)])
    assert result.exit_code != 0
    assert (run / "steps").exists()


def test_nothing_yet_is_said(folder: Path) -> None:
    assert "Nothing has run yet" in mlkit(folder, "cost")
    assert cost(folder)["total"]["tries"] == 0


def test_a_step_asks_for_the_size_of_its_run_unless_it_has_its_own(folder: Path, runs: Path) -> None:
    spec = default_spec()
    spec["train"] |= {"size": "cpu-small", "sizes": {"gate": "cpu-small"}}
    build_project(folder, rows=10, spec=spec)
    project, run = load_project(folder), write_run(runs, "r1")
    record = json.loads((run / "run.json").read_text()) | {"parameters": {"size": "cpu-large"}}
    (run / "run.json").write_text(json.dumps(record))
    asked = {name: find_asked_size(project, RunDirectory(run), find_step(project, name)) for name in ("train", "gate")}
    assert (asked["train"].name, asked["gate"].name) == ("cpu-large", "cpu-small")
    assert asked["train"].model_dump(exclude={"name"}) == {
        "cpu": 8,
        "memory": "16Gi",
        "gpu": 0,
        "pool": "general",
        "backend": "local",
        "node": {"cpu": 8, "memory": "32Gi", "gpu": 0},
        "price_per_hour": 0.4,
        "currency": "EUR",
    }

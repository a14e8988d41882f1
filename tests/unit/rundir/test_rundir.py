"""The run directory on a local disk: one winner, nothing believed unchecked, hostile names made harmless."""

from __future__ import annotations

import multiprocessing
import stat
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from airflow_mlkit.exceptions import MissingExtraError, RunDirectoryError
from airflow_mlkit.rundir import Outcome, RunDirectory, RunRecord, Try, create_only, open_place, safe_run_id

CONTENDERS = 24


def begin(folder: Path, name: str = "churn") -> RunDirectory:
    record = RunRecord(name=name, run_id=folder.name, started=datetime.now(UTC))
    return RunDirectory.create(folder, record)


def finish(attempt: Try, *, outcome: Outcome = Outcome.DONE) -> bool:
    """End a try as a step does. Returns whether it was published."""
    record = attempt.record(outcome=outcome, exit_code=0, files=attempt.seal())
    attempt.end(record)
    return attempt.publish(record)


def _create(path: str, number: int) -> bool:
    return create_only(UPath(path), f"{number} ".encode() * 1000)


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_of_many_creates_one_wins_and_leaves_no_temporary_name(tmp_path: Path, pool: type[ThreadPoolExecutor]) -> None:
    path = tmp_path / "deep" / "published.json"
    options = {"mp_context": multiprocessing.get_context("fork")} if pool is ProcessPoolExecutor else {}
    with pool(8, **options) as executor:
        won = list(executor.map(_create, [str(path)] * CONTENDERS, range(CONTENDERS)))
    assert sum(won) == 1
    assert path.read_bytes() == f"{won.index(True)} ".encode() * 1000
    assert [file.name for file in path.parent.iterdir()] == ["published.json"]


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunDirectoryError, match="cannot be written: Not a directory"):
        create_only(UPath(tmp_path / "file" / "run.json"), b"{}")


def test_what_a_try_made_is_read_by_later_steps(tmp_path: Path) -> None:
    run = begin(tmp_path / "r1")
    attempt = run.step("train").begin()
    (attempt.folder / "model" / "code").mkdir(parents=True)
    (attempt.folder / "model" / "model.json").write_text("{}")
    (attempt.folder / "model" / "code" / "churn.py").write_text("pass")
    assert finish(attempt)
    found = RunDirectory(run.root).published("train")
    assert found.file("model/model.json").read_text() == "{}"
    assert (found.folder("model") / "code" / "churn.py").read_text() == "pass"


def test_the_first_of_two_tries_wins_and_the_second_one_learns_it(tmp_path: Path) -> None:
    step = begin(tmp_path / "r1").step("train")
    first, second = step.begin(1), step.begin(1)
    assert (first.number, second.number) == (1, 2)
    assert finish(second)
    assert not finish(first)
    assert step.published().record.try_number == 2
    assert [record.try_number for record in step.tries(1)] == [1, 2]


def test_starting_a_step_again_begins_a_generation_which_later_steps_read(tmp_path: Path) -> None:
    step = begin(tmp_path / "r1").step("split")
    for generation in (1, 2):
        attempt = step.begin()
        assert attempt.generation == generation
        assert finish(attempt)
    unfinished = step.begin()
    assert unfinished.generation == 3
    assert step.published().record.generation == 2
    assert step.begin().generation == 3, "a generation that nothing was published in is not over"


def test_a_failed_try_publishes_nothing(tmp_path: Path) -> None:
    run = begin(tmp_path / "r1")
    attempt = run.step("extract").begin()
    attempt.end(attempt.record(outcome=Outcome.FAILED, exit_code=3, reason="no rows"))
    with pytest.raises(RunDirectoryError, match=r"extract has published nothing yet\.\nRun extract first\."):
        run.published("extract")
    assert [record.reason for record in run.step("extract").tries()] == ["no rows"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b"other"), "is not the file that was published: its hash differs"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "is not the file that was published"),
        (lambda path: path.unlink(), "is gone"),
    ],
)
def test_a_file_that_is_not_what_was_published_is_refused(tmp_path: Path, damage: object, message: str) -> None:
    run = begin(tmp_path / "r1")
    attempt = run.step("extract").begin()
    (attempt.folder / "snapshot.parquet").write_bytes(b"rows")
    finish(attempt)
    damage(attempt.folder / "snapshot.parquet")  # type: ignore[operator]
    with pytest.raises(RunDirectoryError, match=message):
        run.published("extract").file("snapshot.parquet")


@pytest.mark.parametrize(
    "content", [b"", b'{"step": "ext', b"\xff\xfe", b"[]", b'{"files": {"../../x": {"sha256": "", "size": 0}}}']
)
def test_a_damaged_record_is_refused(tmp_path: Path, content: bytes) -> None:
    run = begin(tmp_path / "r1")
    finish(run.step("extract").begin())
    (tmp_path / "r1/steps/extract/1/published.json").write_bytes(content)
    with pytest.raises(RunDirectoryError, match=r"published\.json is damaged: "):
        run.published("extract")


def test_a_published_name_cannot_lead_out_of_the_try(tmp_path: Path) -> None:
    run = begin(tmp_path / "r1")
    finish(run.step("extract").begin())
    path = tmp_path / "r1/steps/extract/1/published.json"
    path.write_text(path.read_text().replace('"files": {}', '"files": {"../../../x": {"sha256": "", "size": 0}}'))
    with pytest.raises(RunDirectoryError, match="lies outside the try"):
        run.published("extract")


def test_another_pipelines_run_is_not_joined(tmp_path: Path) -> None:
    begin(tmp_path / "r1", "churn")
    assert begin(tmp_path / "r1", "churn").record.name == "churn"
    with pytest.raises(RunDirectoryError, match="is a run of 'churn', not of 'wine'"):
        begin(tmp_path / "r1", "wine")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"run.json is not there\.\nIs this a run directory\?"):
        _ = RunDirectory(tmp_path).record


@pytest.mark.parametrize("uri", ["ftp://host/x", "memory://x", "s3://", "http://a/b", "s3://  "])
def test_only_folders_and_buckets_are_places_for_runs(uri: str) -> None:
    try:
        place = open_place(uri)
    except (RunDirectoryError, MissingExtraError):
        return
    assert place.path.strip(), "s3fs takes a bucket of blanks, and refuses it when it is used"


def test_a_local_place_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(open_place("runs/r1")) == str(tmp_path / "runs" / "r1")
    assert str(open_place(f"file://{tmp_path}/r1")) == str(tmp_path / "r1")


HOSTILE = [
    "manual__2026-11-21T00:00:00+00:00",
    "../../etc/passwd",
    " ",
    "a\nb",
    "über",
    "{{ ds }}",
    "; rm -rf /",
    "",
    ".",
]


@pytest.mark.parametrize("text", [*HOSTILE, "..", "a" * 300, "\ud800", "con/aux", "Run"])
def test_a_hostile_run_id_becomes_a_plain_folder(tmp_path: Path, text: str) -> None:
    folder = begin(tmp_path / safe_run_id(text)).root
    assert folder.parent == tmp_path
    assert safe_run_id(text) == safe_run_id(text)
    assert safe_run_id(text) != text


@given(st.text(), st.text())
def test_two_run_ids_never_share_a_folder(one: str, other: str) -> None:
    names = {safe_run_id(text).lower() for text in (one, other, safe_run_id(one))}
    assert len(names) == len({one, other, safe_run_id(one)})


def test_a_good_run_id_stays_as_it_is() -> None:
    assert safe_run_id("2026-11-21-nightly.7") == "2026-11-21-nightly.7"


@pytest.mark.parametrize("mode", [0o755, 0o775, 0o777, 0o2775])
def test_who_may_write_into_a_folder_may_write_into_what_is_made_in_it(tmp_path: Path, mode: int) -> None:
    """On a volume the steps and Airflow's workers are different users."""
    folder = tmp_path / "runs"
    folder.mkdir()
    folder.chmod(mode)
    assert create_only(UPath(folder / "cards" / "r1" / "run.json"), b"{}")
    assert [stat.S_IMODE(made.stat().st_mode) & 0o022 for made in (folder / "cards", folder / "cards" / "r1")] == [
        mode & 0o022
    ] * 2

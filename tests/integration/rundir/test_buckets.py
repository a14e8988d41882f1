"""The run directory in a bucket of S3 and of Google Cloud Storage, over real HTTP."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from airflow_mlkit.cost.removed_runs import RemovedRuns
from airflow_mlkit.cost.run_files import read_runs
from airflow_mlkit.exceptions import RegistryError, RunDirectoryError, StoreError
from airflow_mlkit.project import load_project
from airflow_mlkit.registry import ChampionLog
from airflow_mlkit.rundir import (
    CheckpointFolder,
    Outcome,
    RunDirectory,
    RunRecord,
    Try,
    create_only,
    patience,
    store_errors,
)
from airflow_mlkit.rundir.create_only import _TRUSTED
from airflow_mlkit.steps.run import run_step
from airflow_mlkit.steps.sign_of_life import show_life
from tests.buckets import EACH_STORE, S3_KEYS, SERVED, Application, serve_bucket
from tests.costing import NOON, write_run, write_try
from tests.cut_line import CutLine
from tests.store_trouble import StoreTrouble
from tests.waiting import wait_until


def _ignoring_conditions(application: Application) -> Application:
    """An S3 look-alike of the kind that does not know `If-None-Match` on a PUT."""

    def ignore(environ: dict[str, Any], start_response: Any) -> Any:
        environ.pop("HTTP_IF_NONE_MATCH", None)
        return application(environ, start_response)

    return ignore


@pytest.fixture(params=EACH_STORE)
def bucket(request: pytest.FixtureRequest) -> Iterator[str]:
    with SERVED[request.param](f"runs-{abs(hash(request.node.name)) % 10**9}") as bucket:
        yield str(bucket).rstrip("/")


@pytest.fixture
def careless_bucket() -> Iterator[str]:
    with serve_bucket("careless", around=_ignoring_conditions) as bucket:
        _TRUSTED.discard(str(bucket).rstrip("/"))
        yield str(bucket).rstrip("/")


def place(uri: str) -> UPath:
    return UPath(uri, skip_instance_cache=True, use_listings_cache=False)


def begin(uri: str) -> RunDirectory:
    return RunDirectory.create(place(uri), RunRecord(name="churn", run_id="r1", started=datetime.now(UTC)))


def test_of_many_creates_in_a_bucket_one_wins(bucket: str) -> None:
    path = place(f"{bucket}/churn/r1/published.json")
    with ThreadPoolExecutor(12) as pool:
        won = list(pool.map(lambda number: create_only(path, f"try {number}".encode()), range(24)))
    assert sum(won) == 1
    assert path.read_bytes() == f"try {won.index(True)}".encode()


def test_a_create_that_is_sent_again_after_its_answer_was_lost_has_won(bucket: str) -> None:
    path = place(f"{bucket}/churn/r1/published.json")
    assert create_only(path, b"mine")
    assert create_only(path, b"mine")
    assert not create_only(path, b"another's")


def test_a_store_that_ignores_the_condition_is_refused(careless_bucket: str) -> None:
    with pytest.raises(RunDirectoryError, match="lets a second create-only write replace the first"):
        begin(f"{careless_bucket}/churn/r1")


@pytest.fixture
def troubled(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[RunDirectory, StoreTrouble]]:
    trouble = StoreTrouble()
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.1)
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)  # the libraries' own patience is a quarter of a minute
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with serve_bucket(f"troubled-{abs(hash(request.node.name)) % 10**9}", around=trouble.around) as bucket:
        yield begin(f"{str(bucket).rstrip('/')}/churn/r1"), trouble


def make_model(run: RunDirectory) -> Try:
    """A try that has made a file, and not yet sealed it."""
    attempt = run.step("train").begin(1)
    (attempt.folder / "model.json").write_text("{}")
    return attempt


def test_a_bucket_that_is_away_for_a_while_costs_nothing(
    troubled: tuple[RunDirectory, StoreTrouble], caplog: pytest.LogCaptureFixture
) -> None:
    run, trouble = troubled
    attempt = make_model(run)
    with ThreadPoolExecutor(1) as pool, trouble.suffered("gone"):
        sealed = pool.submit(attempt.seal)
        time.sleep(3)
        assert not sealed.done()
    record = attempt.record(outcome=Outcome.DONE, exit_code=0, files=sealed.result(60), spec_hash="")
    assert attempt.publish(record)
    assert run.published("train").file("model.json").read_text() == "{}"
    assert "It is asked again" in caplog.text


def test_a_bucket_that_stays_away_or_full_is_told_in_the_end(
    troubled: tuple[RunDirectory, StoreTrouble], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, trouble = troubled
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 1.0)
    with trouble.suffered("full"), pytest.raises(RunDirectoryError, match="cannot be written"):
        run.step("train").begin(1)
    assert run.step("train").published(1) is None
    with trouble.suffered("gone"), pytest.raises(store_errors()):
        run.step("train").published(1)


def test_a_bucket_that_was_waited_for_in_vain_is_not_waited_for_again(
    troubled: tuple[RunDirectory, StoreTrouble], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that fails still writes its log, its files and its outcome: each in vain."""
    run, trouble = troubled
    attempt = make_model(run)
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 1.0)
    with trouble.suffered("full"):
        with pytest.raises(StoreError, match=r"model\.json cannot be written"):
            attempt.seal()
        monkeypatch.setattr(patience, "PATIENCE_SECONDS", 1000.0)
        with pytest.raises(StoreError, match=r"model\.json cannot be written"):
            attempt.seal()
    attempt.seal()
    assert attempt.publish(attempt.record(outcome=Outcome.DONE, exit_code=0, files={}, spec_hash=""))


def test_a_bucket_that_said_no_such_file_has_answered_too(troubled: tuple[RunDirectory, StoreTrouble]) -> None:
    """As it does again and again, until a pod that was started ahead may begin."""
    run, trouble = troubled
    patience._ANSWERED.clear()
    step = run.step("train")
    assert not step.is_asked(1, "cards-train-1")
    with ThreadPoolExecutor(1) as pool:
        with trouble.suffered("gone"):
            answer = pool.submit(step.is_asked, 1, "cards-train-1")
            time.sleep(3)
            assert not answer.done()
        assert answer.result(60) is False


def test_a_bucket_that_never_answered_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 1000)
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    trouble = StoreTrouble()
    with serve_bucket("never", around=trouble.around) as bucket:
        place = f"{str(bucket).rstrip('/')}/churn/r1"
        with trouble.suffered("gone"), pytest.raises(RunDirectoryError, match="cannot be written"):
            begin(place)


def test_a_bucket_that_is_not_there_is_named(bucket: str) -> None:
    missing = f"{bucket.partition('://')[0]}://no-such-bucket/r1"
    with pytest.raises(RunDirectoryError, match=f"{missing}/run.json cannot be written: .*\nIs the bucket"):
        begin(missing)


def test_a_store_that_is_away_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = S3_KEYS | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    for variable, value in keys.items():
        monkeypatch.setenv(variable, value)
    away = UPath("s3://away/log", skip_instance_cache=True, use_listings_cache=False)
    with pytest.raises(RunDirectoryError, match=r"s3://away/log/1.json cannot be written: Could not connect"):
        create_only(away / "1.json", b"{}")
    with pytest.raises(RegistryError, match=r"s3://away/log cannot be listed: Could not connect"):
        ChampionLog(away).head()


def test_what_is_published_in_a_bucket_is_read_back_and_checked(bucket: str) -> None:
    attempt = begin(f"{bucket}/churn/r1").step("train").begin()
    (attempt.folder / "model").mkdir()
    (attempt.folder / "model" / "model.ubj").write_bytes(b"trees")
    attempt.log.write_text("trained\n")
    record = attempt.record(outcome=Outcome.DONE, exit_code=0, files=attempt.seal())
    attempt.end(record)
    assert attempt.publish(record)

    published = RunDirectory(place(f"{bucket}/churn/r1")).published("train")
    assert (published.folder("model") / "model.ubj").read_bytes() == b"trees"
    assert published.uri("log.txt").read_text() == "trained\n"

    published.uri("model/model.ubj").write_bytes(b"half")
    with pytest.raises(RunDirectoryError, match="is not the file that was published"):
        RunDirectory(place(f"{bucket}/churn/r1")).published("train").file("model/model.ubj")


@pytest.fixture(params=EACH_STORE)
def at_the_end_of_a_line(request: pytest.FixtureRequest) -> Iterator[tuple[RunDirectory, CutLine]]:
    line = CutLine()
    with SERVED[request.param](f"line-{abs(hash(request.node.name)) % 10**9}", through=line) as bucket:
        yield begin(f"{str(bucket).rstrip('/')}/churn/r1"), line
    line.close()


UPLOAD = """
import sys
from airflow_mlkit.rundir import RunDirectory
attempt = RunDirectory(sys.argv[1]).step("train").begin()
(attempt.folder / "model.ubj").write_bytes(b"trees" * (24 << 20))
attempt.seal()
"""


def test_a_process_that_is_killed_in_the_middle_of_an_upload_has_published_nothing(
    at_the_end_of_a_line: tuple[RunDirectory, CutLine],
) -> None:
    """Of 120 MiB, which go in parts of 50; another try begins anew."""
    run, line = at_the_end_of_a_line
    with line.held_after(70 << 20):
        process = subprocess.Popen([sys.executable, "-c", UPLOAD, str(run.root)])
        wait_until(lambda: line.is_held, 120)
        process.kill()
        process.wait()
    assert run.step("train").published() is None
    assert not (run.step("train").root / "1" / "tries" / "1" / "model.ubj").exists()
    again = run.step("train").begin()
    assert (again.generation, again.number) == (1, 2)
    (again.folder / "model.ubj").write_bytes(b"trees")
    assert again.publish(again.record(outcome=Outcome.DONE, exit_code=0, files=again.seal(), spec_hash=""))
    assert run.published("train").file("model.ubj").read_bytes() == b"trees"


@pytest.mark.parametrize(("size", "cut"), [(8 << 20, 4 << 20), (120 << 20, 70 << 20)], ids=["at once", "in parts"])
def test_an_upload_that_breaks_off_in_the_middle_is_sent_again(
    at_the_end_of_a_line: tuple[RunDirectory, CutLine], size: int, cut: int
) -> None:
    run, line = at_the_end_of_a_line
    attempt = run.step("train").begin()
    content = random.Random(1).randbytes(size)
    (attempt.folder / "model.ubj").write_bytes(content)
    line.cut_after(cut)
    assert attempt.publish(attempt.record(outcome=Outcome.DONE, exit_code=0, files=attempt.seal(), spec_hash=""))
    assert run.published("train").file("model.ubj").read_bytes() == content


def test_another_process_sees_at_once_what_one_has_published(bucket: str) -> None:
    """No listing is kept from before: fsspec would remember an empty folder."""
    writer, reader = begin(f"{bucket}/churn/r1"), RunDirectory(place(f"{bucket}/churn/r1"))
    assert reader.step("split").published() is None
    attempt = writer.step("split").begin()
    attempt.publish(attempt.record(outcome=Outcome.DONE, exit_code=0))
    assert reader.step("split").published() is not None


SPEC = """\
apiVersion: mlkit/v1
name: toy
owner: a@example.com
pattern: batch
data:
  source: {path: rows.csv}
  features: [amount]
  label: fraud
  holdout: {sampling: hash}
validate: {suite: suite.json}
problem: {kind: binary, positive: 1}
train: {workflow: toy_workflow:Toy, min_examples: 1}
gates:
  - {metric: roc_auc, at_least: 0.5}
"""


def test_the_log_in_a_bucket_is_whole_with_the_reason_as_its_last_line(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "mlkit.yaml").write_text(SPEC)
    (tmp_path / "rows.csv").write_text("amount,fraud\n" + "1,0\n2,1\n" * 50)
    project, run = load_project(tmp_path), begin(f"{bucket}/churn/r1")

    def last_line(step: str) -> str:
        return (run.root / f"steps/{step}/1/tries/1/log.txt").read_text().splitlines()[-1]

    run_step("split", project, run)
    assert last_line("split").endswith(f"Type: mlkit step extract --run-dir {run.root}")
    run_step("extract", project, run)
    assert "extract: done after" in last_line("extract")
    assert run.published("extract").file("snapshot.parquet").stat().st_size


def test_a_slash_too_many_names_the_same_place(bucket: str) -> None:
    record = RunRecord(name="churn", run_id="r1", started=datetime.now(UTC))
    attempt = RunDirectory.create(f"{bucket}//runs///r1/", record).step("train").begin()
    done = attempt.record(outcome=Outcome.DONE, exit_code=0, files=attempt.seal())
    attempt.end(done)
    assert attempt.publish(done)
    assert RunDirectory(f"{bucket}/runs/r1").published("train").record.outcome is Outcome.DONE


def test_what_runs_in_a_bucket_have_cost_and_a_killed_try_until_its_log_was_last_brought_there(bucket: str) -> None:
    """A bucket tells no time of a file that was never brought there: without a sign of life the next try ends it."""
    for name in ("r1", "r2"):
        run = write_run(place(f"{bucket}/runs/cards"), name)
        write_try(run, "train/1/1", seconds=None)
        write_try(run, "train/1/2", started=NOON + timedelta(minutes=5))
    killed = write_try(write_run(place(f"{bucket}/runs/cards"), "r3"), "gate/1/1", seconds=None)
    time.sleep(1.1)  # S3 tells whole seconds
    (killed / "log.txt").write_text("at work")
    found = {run.folder: run.tries for run in read_runs(f"{bucket}/runs/cards", "cards")}
    assert [one.seconds for one in found["r1"]] == [300, 3600]
    assert found["r1"] == found["r2"]
    assert 1 <= found["r3"][0].seconds < 60
    assert [run.folder for run in read_runs(f"{bucket}/runs/cards", "cards", "r2")] == ["r2"]
    RemovedRuns(f"{bucket}/champions/cards").keep(next(read_runs(f"{bucket}/runs/cards", "cards", "r1")))
    (kept,) = RemovedRuns(f"{bucket}/champions/cards").read()
    assert kept.tries == found["r1"]
    assert list(read_runs(f"{bucket}/nothing/cards", "cards")) == []


def test_a_step_at_work_brings_its_log_into_the_bucket(bucket: str) -> None:
    attempt = begin(f"{bucket}/runs/churn/r1").step("train").begin()
    attempt.log.write_text("at work\n")
    seen = attempt.root / "log.txt"
    with show_life(attempt, every=0.01):
        wait_until(seen.exists, 20)
    assert seen.read_text() == "at work\n"


def test_a_checkpoint_in_a_bucket_is_replaced_whole_and_removed(bucket: str) -> None:
    folder = CheckpointFolder(place(f"{bucket}/churn/r1/steps/train/1/checkpoints"))
    assert folder.read("xgboost-1") is None
    folder.remove()  # what is not there is removed already
    folder.write("xgboost-1", b"1" * 100)
    folder.write("xgboost-1", b"22")
    folder.write("xgboost-2", b"3")
    again = CheckpointFolder(place(f"{bucket}/churn/r1/steps/train/1/checkpoints"))
    assert again.read("xgboost-1") == b"22"
    again.remove()
    assert (folder.read("xgboost-1"), folder.read("xgboost-2")) == (None, None)

"""The pages of a run directory: which one is shown, and what is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_mlkit.airflow.reports import PAGES, read_report
from airflow_mlkit.exceptions import RunDirectoryError
from airflow_mlkit.rundir import Outcome, RunDirectory


def make(root: Path, step: str, page: str | None, *, outcome: Outcome = Outcome.DONE) -> Path:
    """End a try of a step in its next generation. Returns where its page lies."""
    attempt = RunDirectory(root).step(step).begin()
    path = attempt.folder / PAGES[step]
    if page is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page)
    record = attempt.record(outcome=outcome, exit_code=0, files=attempt.seal())
    attempt.end(record)
    if outcome.is_published:
        attempt.publish(record)
    return path


def test_the_newest_page_of_a_step_is_shown(tmp_path):
    """A task that was cleared has made another one."""
    make(tmp_path, "gate", "first")
    make(tmp_path, "gate", "second")
    assert read_report(str(tmp_path), "gate") == b"second"


def test_promote_shows_its_own_comparison_where_it_made_one(tmp_path):
    make(tmp_path, "gate", "of the gate")
    make(tmp_path, "promote", None)
    assert read_report(str(tmp_path), "promote") == b"of the gate"
    make(tmp_path, "promote", "compared again")
    assert read_report(str(tmp_path), "promote") == b"compared again"


def test_what_a_failed_validation_found_is_shown(tmp_path):
    """It publishes nothing, and its page is what one wants to see."""
    make(tmp_path, "validate", "good")
    make(tmp_path, "validate", "3 rows without an amount", outcome=Outcome.FAILED)
    assert read_report(str(tmp_path), "validate") == b"3 rows without an amount"


def test_a_page_that_was_changed_afterwards_is_not_shown(tmp_path):
    path = make(tmp_path, "gate", "held back")
    path.write_text("promoted!")
    with pytest.raises(RunDirectoryError, match="its hash differs"):
        read_report(str(tmp_path), "gate")


def test_a_link_out_of_the_run_directory_is_not_followed(tmp_path):
    """Even to a file of the very same content."""
    secret = tmp_path / "secret"
    secret.write_text("held back")
    path = make(tmp_path / "run", "gate", "held back")
    path.unlink()
    path.symlink_to(secret)
    with pytest.raises(RunDirectoryError, match="leads out of the run directory"):
        read_report(str(tmp_path / "run"), "gate")


def test_a_page_that_a_web_server_could_not_hold_is_not_read(tmp_path):
    path = make(tmp_path, "gate", "held back")
    with path.open("r+b") as file:
        file.truncate(2**40)
    with pytest.raises(RunDirectoryError, match="larger than 20 MiB"):
        read_report(str(tmp_path), "gate")


def test_what_is_gone_is_said(tmp_path):
    """The run, the page, the bucket's name, the folder: a sentence each."""
    with pytest.raises(RunDirectoryError, match="the step gate has made no page, or the run is gone"):
        read_report(str(tmp_path / "nowhere"), "gate")
    make(tmp_path, "gate", "held back").unlink()
    with pytest.raises(RunDirectoryError, match="is gone"):
        read_report(str(tmp_path), "gate")
    (tmp_path / "steps" / "gate" / "1" / "published.json").write_text("half a reco")
    with pytest.raises(RunDirectoryError, match="is damaged"):
        read_report(str(tmp_path), "gate")

"""The step validate: passes, warns or stops, and leaves its page in each case."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from airflow_mlkit.project import load_project
from airflow_mlkit.rundir import RunDirectory, RunRecord, StepRecord
from airflow_mlkit.steps.run import run_step

RANGE = "expect_column_values_to_be_between"
POSITIVE = {"type": RANGE, "kwargs": {"column": "amount", "min_value": 0}}

Validate = Callable[..., tuple[StepRecord, Path]]


@pytest.fixture
def validate(project_folder: Path) -> Validate:
    """Runs extract and validate with a suite; returns what validate ended with and its try's folder."""

    def run(*expectations: dict[str, Any]) -> tuple[StepRecord, Path]:
        suite = {"name": "payments", "expectations": expectations}
        (project_folder / "expectations" / "payments.json").write_text(json.dumps(suite))
        project = load_project(project_folder)
        record = RunRecord(name="cards", run_id="1", started=datetime(2026, 7, 1, tzinfo=UTC))
        directory = RunDirectory.create(str(project_folder / "run"), record)
        assert run_step("extract", project, directory).exit_code == 0
        return run_step("validate", project, directory), project_folder / "run/steps/validate/1/tries/1"

    return run


def between(low: Any, high: Any, column: str = "amount", **more: Any) -> dict[str, Any]:
    return {"type": RANGE, "kwargs": {"column": column, "min_value": low, "max_value": high}, **more}


def test_data_as_promised_passes_and_is_published(validate: Validate) -> None:
    record, folder = validate(POSITIVE, {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}})
    assert record.exit_code == 0
    assert record.summary["passed"] == 2
    assert set(record.files) == {"data_docs/index.html", "validation.json"}
    assert json.loads((folder / "validation.json").read_text())["success"] is True


def test_a_failed_expectation_stops_the_run_with_rows_examples_and_the_page(validate: Validate) -> None:
    record, folder = validate(POSITIVE, between(0, 50))
    assert record.exit_code == 3
    assert record.reason is not None
    page = folder / "data_docs" / "index.html"
    assert re.search(
        r"failed: amount: expect_column_values_to_be_between \(min_value=0.0, max_value=50.0\)", record.reason
    )
    assert re.search(r"\d+ of 600 rows \([\d.]+ %\), such as \d+", record.reason)
    assert f"Data Docs: {page}" in record.reason
    assert "stopped the run" in page.read_text()


def test_an_expectation_that_cannot_be_evaluated_is_not_a_failed_one(validate: Validate) -> None:
    record, _ = validate(POSITIVE, between(0, 1, column="amout"), between(0, 1, column="country"))
    assert record.exit_code == 3
    assert record.reason is not None
    assert "2 could not be evaluated" in record.reason
    assert "the snapshot has no column 'amout'; did you mean amount?" in record.reason
    assert "Correct these expectations in expectations/payments.json" in record.reason


def test_warnings_are_said_and_do_not_stop(validate: Validate) -> None:
    record, folder = validate(POSITIVE, between(0, 1, severity="warning"), between(0, 1, "nope", severity="info"))
    assert record.exit_code == 0
    assert record.summary["failed"] == record.summary["not_evaluated"] == 1
    assert len(record.summary["warnings"]) == 2
    log = (folder / "log.txt").read_text()
    assert "warning, failed: amount: " in log
    assert "info, not evaluated: nope: " in log


def test_a_suite_that_is_no_suite_is_the_users_mistake(validate: Validate) -> None:
    record, _ = validate({"type": "expect_the_unexpected"})
    assert record.exit_code == 2
    assert "there is no such expectation" in str(record.reason)


def test_the_same_data_has_the_same_result_and_page(validate: Validate, project_folder: Path) -> None:
    first, _ = validate(POSITIVE, between(0, 50, severity="warning"))
    again = run_step("validate", load_project(project_folder), RunDirectory(str(project_folder / "run")))
    assert first.files == again.files


class References(HTMLParser):
    """Collects a page's tags, and the addresses that they name."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "action", "data", "srcset")]


ATTACK = "<script>alert(1)</script><img src='https://evil.example/x.png'>"


def test_the_page_loads_nothing_and_shows_values_as_text(validate: Validate, project_folder: Path) -> None:
    source = project_folder / "data" / "payments.csv"
    source.write_text(source.read_text().replace(",US,", f",{ATTACK},"))
    in_set = {"column": "country", "value_set": ["GB", "<b>", "$HOME ${x} {{ y }}"]}
    _, folder = validate(
        POSITIVE,
        {"type": "expect_column_values_to_be_in_set", "kwargs": in_set},
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "country", "regex": "^<i>$"}},
    )
    page = (folder / "data_docs" / "index.html").read_text()
    reader = References()
    reader.feed(page)
    assert reader.found
    assert all(address.startswith("#section-") for address in reader.found)
    assert not reader.tags & {"script", "link", "img", "iframe", "object", "embed", "base"}
    assert not re.findall(r"@import|url\(", page)
    assert "default-src 'none'" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&amp;lt;" not in page


def test_validating_asks_nobody_outside(validate: Validate, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert validate(POSITIVE)[0].exit_code == 0


@pytest.mark.needs("chromium")
def test_the_page_is_drawn_by_a_browser_without_errors(validate: Validate, tmp_path: Path) -> None:
    _, folder = validate(POSITIVE, between(0, 50))
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    page = f"file://{folder}/data_docs/index.html"
    drawn = subprocess.run([*browser, page], capture_output=True, text=True, timeout=60, check=True)
    assert "expectations" in drawn.stdout
    assert "Refused to load" not in drawn.stderr
